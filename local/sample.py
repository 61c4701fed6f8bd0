"""A sample picture of the project's own, made by code: dusk over the sea, larger than a frame and of another shape."""

from __future__ import annotations

import math
import random
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 2400, 1600
HORIZON = 960


def make_sample(path: Path) -> Path:
    """Write the sample as a JPEG of 2400x1600 to `path` and return the path. The same picture each time."""
    picture = _gradient(HEIGHT, (24, 30, 72), (250, 150, 92), HORIZON)
    picture.paste(_gradient(HEIGHT - HORIZON, (196, 112, 96), (14, 24, 52), HEIGHT - HORIZON), (0, HORIZON))
    _shine(picture, (1500, HORIZON - 110), 150)
    dice = random.Random(7)
    _draw_stars(picture, dice)
    _draw_hills(picture)
    _draw_water(picture, dice)
    # Pillow's own noise cannot be seeded.
    grain = Image.frombytes("L", picture.size, dice.randbytes(WIDTH * HEIGHT)).point(
        lambda value: 104 + value * 48 // 255
    )
    picture = ImageChops.overlay(picture, grain.convert("RGB"))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, "JPEG", quality=90)
    return path


def _gradient(height: int, top: tuple[int, int, int], bottom: tuple[int, int, int], reach: int) -> Image.Image:
    column = Image.new("RGB", (1, height))
    for y in range(height):
        share = min(1.0, y / reach)
        column.putpixel((0, y), tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)))
    return column.resize((WIDTH, height))


def _shine(picture: Image.Image, centre: tuple[int, int], radius: int) -> None:
    light = Image.new("L", picture.size)
    draw = ImageDraw.Draw(light)
    for reach, strength in ((radius * 3, 50), (radius * 2, 90), (radius, 255)):
        draw.ellipse((centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach), fill=strength)
    picture.paste((255, 226, 170), mask=light.filter(ImageFilter.GaussianBlur(24)))


def _draw_stars(picture: Image.Image, dice: random.Random) -> None:
    draw = ImageDraw.Draw(picture)
    for _ in range(260):
        x, y, size = dice.randrange(WIDTH), dice.randrange(HORIZON // 2), dice.choice((1, 1, 2, 3))
        draw.ellipse((x, y, x + size, y + size), fill=(255, 250, 235))


def _draw_hills(picture: Image.Image) -> None:
    draw = ImageDraw.Draw(picture)
    for base, swing, step, colour in ((90, 60, 310, (86, 58, 92)), (40, 46, 190, (52, 40, 74))):
        ridge = [
            (x, HORIZON - base - swing * math.sin(x / step) - 0.4 * swing * math.sin(x / 61))
            for x in range(0, WIDTH + 8, 8)
        ]
        draw.polygon([(0, HORIZON), *ridge, (WIDTH, HORIZON)], fill=colour)


def _draw_water(picture: Image.Image, dice: random.Random) -> None:
    draw = ImageDraw.Draw(picture)
    for _ in range(900):
        depth = dice.random() ** 2
        y = HORIZON + 6 + depth * (HEIGHT - HORIZON - 12)
        length = 12 + 120 * depth
        x = dice.gauss(1500, 160 + 420 * depth) if dice.random() < 0.7 else dice.uniform(0, WIDTH)
        colour = (255, 208, 150) if abs(x - 1500) < 240 + 200 * depth else (120, 92, 112)
        draw.line((x - length, y, x + length, y), fill=colour, width=1 + round(4 * depth))
