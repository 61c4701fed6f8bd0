"""Sample pictures, drawn by code: larger than any frame, in several shapes, with the subject off center."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Rgb = tuple[int, int, int]

WIDTH, HEIGHT = 2400, 1600
HORIZON = 960


def make_sample(path: Path) -> Path:
    """Write the sample, a sunset of 2400x1600, as a JPEG to `path`; return the path. Each time it is the same."""
    picture = _gradient((WIDTH, HEIGHT), (24, 30, 72), (250, 150, 92), HORIZON)
    sea = _gradient((WIDTH, HEIGHT - HORIZON), (196, 112, 96), (14, 24, 52), HEIGHT - HORIZON)
    picture.paste(sea, (0, HORIZON))
    _draw_glow(picture, (1500, HORIZON - 110), 150, (255, 226, 170))
    rng = random.Random(7)
    _draw_stars(picture, rng, 260, HORIZON // 2)
    _draw_hills(picture)
    _draw_water(picture, rng)
    # Pillow's own noise takes no seed.
    grain = Image.frombytes("L", picture.size, rng.randbytes(WIDTH * HEIGHT)).point(
        lambda value: 104 + value * 48 // 255
    )
    return _save(ImageChops.overlay(picture, grain.convert("RGB")), path)


def make_balloon(path: Path) -> Path:
    """Write a tall picture, 1600x2400, to `path`: a balloon high above the hills at nightfall."""
    picture = _gradient((1600, 2400), (38, 44, 92), (236, 158, 120), 2300)
    _draw_stars(picture, random.Random(3), 60, 500)
    draw = ImageDraw.Draw(picture)
    for base, swing, step, color in ((2080, 60, 260, (150, 98, 112)), (2220, 70, 180, (104, 72, 100))):
        ridge = [(x, base - swing * math.sin(x / step)) for x in range(0, 1608, 8)]
        draw.polygon([(0, 2400), *ridge, (1600, 2400)], fill=color)
    _draw_balloon(picture, (1010, 430), 250)
    return _save(picture, path)


def make_lighthouse(path: Path) -> Path:
    """Write a wide picture, 2800x1000, to `path`: a lighthouse at the left of the sea at night."""
    horizon = 640
    picture = _gradient((2800, 1000), (10, 16, 42), (58, 80, 124), horizon)
    picture.paste(_gradient((2800, 1000 - horizon), (40, 58, 96), (8, 12, 28), 1000 - horizon), (0, horizon))
    beam = Image.new("L", picture.size)
    ImageDraw.Draw(beam).polygon([(300, 214), (2800, 40), (2800, 330), (300, 226)], fill=70)
    picture.paste((255, 236, 190), mask=beam.filter(ImageFilter.GaussianBlur(18)))
    _draw_glow(picture, (300, 220), 44, (255, 232, 170))
    draw = ImageDraw.Draw(picture)
    _draw_tower(draw, 300, (250, 720))
    draw.polygon([(0, 1000), (0, 740), (90, 700), (240, 690), (420, 720), (560, 830), (640, 1000)], fill=(20, 20, 30))
    return _save(picture, path)


SAMPLES: dict[str, Callable[[Path], Path]] = {
    "dusk.jpg": make_sample,
    "balloon.jpg": make_balloon,
    "lighthouse.jpg": make_lighthouse,
}
"""The function that draws each sample, by file name."""


def _save(picture: Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, "JPEG", quality=90)
    return path


def _gradient(size: tuple[int, int], top: Rgb, bottom: Rgb, reach: int) -> Image.Image:
    column = Image.new("RGB", (1, size[1]))
    for y in range(size[1]):
        share = min(1.0, y / reach)
        column.putpixel((0, y), tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)))
    return column.resize(size)


def _draw_glow(picture: Image.Image, center: tuple[int, int], radius: int, color: Rgb) -> None:
    light = Image.new("L", picture.size)
    draw = ImageDraw.Draw(light)
    for reach, strength in ((radius * 3, 50), (radius * 2, 90), (radius, 255)):
        draw.ellipse((center[0] - reach, center[1] - reach, center[0] + reach, center[1] + reach), fill=strength)
    picture.paste(color, mask=light.filter(ImageFilter.GaussianBlur(24)))


def _draw_stars(picture: Image.Image, rng: random.Random, count: int, lowest: int) -> None:
    draw = ImageDraw.Draw(picture)
    for _ in range(count):
        x, y, size = rng.randrange(picture.width), rng.randrange(lowest), rng.choice((1, 1, 2, 3))
        draw.ellipse((x, y, x + size, y + size), fill=(255, 250, 235))


def _draw_hills(picture: Image.Image) -> None:
    draw = ImageDraw.Draw(picture)
    for base, swing, step, color in ((90, 60, 310, (86, 58, 92)), (40, 46, 190, (52, 40, 74))):
        ridge = [
            (x, HORIZON - base - swing * math.sin(x / step) - 0.4 * swing * math.sin(x / 61))
            for x in range(0, WIDTH + 8, 8)
        ]
        draw.polygon([(0, HORIZON), *ridge, (WIDTH, HORIZON)], fill=color)


def _draw_water(picture: Image.Image, rng: random.Random) -> None:
    draw = ImageDraw.Draw(picture)
    for _ in range(900):
        depth = rng.random() ** 2
        y = HORIZON + 6 + depth * (HEIGHT - HORIZON - 12)
        length = 12 + 120 * depth
        x = rng.gauss(1500, 160 + 420 * depth) if rng.random() < 0.7 else rng.uniform(0, WIDTH)
        color = (255, 208, 150) if abs(x - 1500) < 240 + 200 * depth else (120, 92, 112)
        draw.line((x - length, y, x + length, y), fill=color, width=1 + round(4 * depth))


def _draw_balloon(picture: Image.Image, center: tuple[int, int], radius: int) -> None:
    # Drawn twice as large and shrunk, for smooth edges.
    big = Image.new("RGBA", (4 * radius, 8 * radius))
    draw = ImageDraw.Draw(big)
    middle, reach = 2 * radius, 2 * radius
    for side in (-1, 1):
        draw.line((middle + side * 0.3 * reach, 1.9 * reach, middle + side * 0.1 * reach, 2.9 * reach), (60, 44, 40), 6)
    for share, color in ((1.0, (214, 62, 52)), (0.74, (246, 196, 84)), (0.46, (214, 62, 52)), (0.16, (246, 196, 84))):
        half = share * reach
        draw.pieslice((middle - half, 0, middle + half, 2 * reach), 180, 360, color)
        # Below its middle it narrows to the mouth.
        curve = [(math.cos(step * math.pi / 32) ** 0.8 * 0.72 + 0.28, step / 16) for step in range(17)]
        right = [(middle + half * width, reach + 1.25 * reach * down) for width, down in curve]
        left = [(2 * middle - x, y) for x, y in reversed(right)]
        draw.polygon([*right, *left], color)
    draw.rounded_rectangle((middle - 0.16 * reach, 2.8 * reach, middle + 0.16 * reach, 3.1 * reach), 16, (94, 62, 40))
    small = big.resize((2 * radius, 4 * radius), Image.Resampling.LANCZOS)
    picture.paste(small, (center[0] - radius, center[1] - radius), small)


def _draw_tower(draw: ImageDraw.ImageDraw, x: int, span: tuple[int, int]) -> None:
    top, foot = span
    for part in range(5):
        upper, lower = top + (foot - top) * part / 5, top + (foot - top) * (part + 1) / 5
        wide, wider = 34 + 5 * part, 34 + 5 * (part + 1)
        color = (214, 208, 200) if part % 2 else (178, 48, 48)
        draw.polygon([(x - wide, upper), (x + wide, upper), (x + wider, lower), (x - wider, lower)], fill=color)
    draw.rectangle((x - 50, top - 8, x + 50, top), fill=(24, 24, 32))
    draw.rectangle((x - 24, top - 58, x + 24, top - 8), fill=(255, 244, 196))
    draw.polygon([(x - 34, top - 58), (x + 34, top - 58), (x, top - 96)], fill=(178, 48, 48))
