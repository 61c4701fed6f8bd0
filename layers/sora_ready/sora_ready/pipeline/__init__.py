"""What the functions call: one module a step, its adapters handed in as arguments."""
