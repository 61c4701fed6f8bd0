"""A picture becomes the exact frame: decode, manage color, crop, resize, encode."""
