"""The steps: one frozen dataclass each, with its adapters and settings as fields. A handler constructs and calls it."""
