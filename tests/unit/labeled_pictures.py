"""Drawn pictures whose subject is in a known box.

The backgrounds are hard for simple detectors: grain, grass, brick and glitter are detailed everywhere, a sky changes
its color, bokeh is bright and blurred, a studio is almost white.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sora_ready.domain.frame import Size
from sora_ready.domain.imaging.geometry import Box
from tests.unit.pictures import Pixel

WIDE, TALL, SQUARE = Size(320, 180), Size(180, 320), Size(200, 200)
LANDSCAPE, PORTRAIT = (600, 400), (400, 640)
SKIN, HAIR, INK = (226, 178, 150), (72, 46, 32), (24, 24, 28)

Background = Callable[[tuple[int, int]], Image.Image]


@dataclass(frozen=True)
class Scene:
    """A background, a subject, the subject's box in fractions, and the frame to fill."""

    name: str
    size: tuple[int, int]
    background: Background
    subject: Callable[[Image.Image, Box], None]
    box: Box
    frame: Size

    def draw(self) -> Image.Image:
        picture = self.background(self.size)
        width, height = self.size
        left, top, right, bottom = self.box
        self.subject(picture, (left * width, top * height, right * width, bottom * height))
        return picture

    def centered(self) -> Scene:
        """The same scene with its subject at the center."""
        width, height = self.box[2] - self.box[0], self.box[3] - self.box[1]
        box = ((1 - width) / 2, (1 - height) / 2, (1 + width) / 2, (1 + height) / 2)
        return Scene(self.name, self.size, self.background, self.subject, box, self.frame)


def plain(color: Pixel) -> Background:
    return lambda size: Image.new("RGB", size, color)


def gradient(top: Pixel, bottom: Pixel) -> Background:
    def draw(size: tuple[int, int]) -> Image.Image:
        mask = Image.linear_gradient("L").resize(size)
        return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)

    return draw


def grain(background: Background, strength: float) -> Background:
    """A background under the grain of a fast film."""

    def draw(size: tuple[int, int]) -> Image.Image:
        noise = Image.frombytes("RGB", size, random.Random(1).randbytes(3 * size[0] * size[1]))
        return Image.blend(background(size), noise, strength)

    return draw


def grass(size: tuple[int, int]) -> Image.Image:
    picture, rng = Image.new("RGB", size, (70, 110, 50)), random.Random(2)
    draw = ImageDraw.Draw(picture)
    for _ in range(size[0] * size[1] // 60):
        x, y, green = rng.uniform(0, size[0]), rng.uniform(0, size[1] + 20), rng.randint(70, 170)
        draw.line((x, y, x + rng.uniform(-6, 6), y - rng.uniform(8, 24)), fill=(green - 40, green, 40), width=2)
    return picture


def foliage(size: tuple[int, int]) -> Image.Image:
    picture, rng = Image.new("RGB", size, (30, 60, 28)), random.Random(3)
    draw = ImageDraw.Draw(picture)
    for _ in range(size[0] * size[1] // 150):
        x, y, radius, green = *(rng.uniform(0, side) for side in size), rng.uniform(4, 12), rng.randint(60, 150)
        draw.ellipse((x - radius, y - radius / 2, x + radius, y + radius / 2), fill=(green // 2, green, green // 3))
    return picture


def brick(size: tuple[int, int]) -> Image.Image:
    picture, rng = Image.new("RGB", size, (190, 182, 172)), random.Random(4)
    draw = ImageDraw.Draw(picture)
    for row, y in enumerate(range(0, size[1], 18)):
        for x in range(-40 * (row % 2) // 2, size[0], 40):
            red = rng.randint(130, 180)
            draw.rectangle((x, y, x + 36, y + 14), fill=(red, red // 2, red // 3))
    return picture


def bokeh(size: tuple[int, int]) -> Image.Image:
    picture, rng = Image.new("RGB", size, (60, 70, 60)), random.Random(5)
    draw = ImageDraw.Draw(picture)
    for _ in range(50):
        x, y, radius = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(15, 40)
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=rng.choice(((150, 170, 90), (210, 190, 120)))
        )
    return picture.filter(ImageFilter.GaussianBlur(12))


def night(size: tuple[int, int]) -> Image.Image:
    picture, rng = gradient((6, 8, 20), (16, 14, 18))(size), random.Random(6)
    for _ in range(60):
        level = rng.randint(30, 70)
        picture.putpixel((rng.randrange(size[0]), rng.randrange(size[1])), (level, level, level))
    return picture


def water(size: tuple[int, int]) -> Image.Image:
    """A glittering sea under a sky."""
    picture, rng = gradient((150, 190, 225), (30, 80, 120))(size), random.Random(7)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, size[1] * 0.35, *size), fill=(36, 88, 128))
    for _ in range(900):
        x, y, light = rng.uniform(0, size[0]), rng.uniform(size[1] * 0.36, size[1]), rng.randint(90, 230)
        draw.line((x, y, x + rng.uniform(3, 14), y), fill=(light, light, light), width=1)
    return picture


def hills(size: tuple[int, int]) -> Image.Image:
    """A sky, a wooded horizon and a meadow."""
    picture = gradient((90, 140, 215), (205, 220, 235))(size)
    draw = ImageDraw.Draw(picture)
    for x in range(size[0]):
        y = size[1] * (0.5 + 0.05 * math.sin(x / 70) + 0.02 * math.sin(x / 17))
        draw.line((x, y, x, size[1]), fill=(120, 150, 80))
        draw.line((x, y, x, y + size[1] * 0.08), fill=(50, 80, 60))
    return picture


def page(size: tuple[int, int]) -> Image.Image:
    """A screen with a title bar."""
    picture = Image.new("RGB", size, (246, 246, 248))
    ImageDraw.Draw(picture).rectangle((0, 0, size[0], size[1] // 12), fill=(225, 228, 232))
    return picture


def face(picture: Image.Image, box: Box) -> None:
    """Head and shoulders: large and smooth."""
    left, top, right, bottom = box
    width, height, draw = right - left, bottom - top, ImageDraw.Draw(picture)
    draw.pieslice((left, top + height * 0.6, right, bottom + height * 0.4), 180, 360, fill=(70, 82, 120))
    draw.ellipse((left + width * 0.2, top, right - width * 0.2, top + height * 0.62), fill=HAIR)
    draw.ellipse((left + width * 0.26, top + height * 0.1, right - width * 0.26, top + height * 0.72), fill=SKIN)
    for eye in (0.4, 0.6):
        x, y = left + width * eye, top + height * 0.38
        draw.ellipse((x - width * 0.03, y - 2, x + width * 0.03, y + 3), fill=INK)
    draw.arc(
        (left + width * 0.4, top + height * 0.45, right - width * 0.4, top + height * 0.6), 20, 160, (150, 60, 60), 3
    )


def balloon(picture: Image.Image, box: Box) -> None:
    left, top, right, bottom = box
    width, height, draw = right - left, bottom - top, ImageDraw.Draw(picture)
    draw.ellipse((left, top, right, top + height * 0.75), fill=(205, 50, 40))
    draw.ellipse((left + width * 0.35, top, right - width * 0.35, top + height * 0.75), fill=(240, 200, 70))
    draw.rectangle((left + width * 0.4, bottom - height * 0.14, right - width * 0.4, bottom), fill=(110, 70, 40))


def walker(color: Pixel) -> Callable[[Image.Image, Box], None]:
    """A figure of one color: a head, a body, two legs."""

    def draw(picture: Image.Image, box: Box) -> None:
        left, top, right, bottom = box
        width, height, pen = right - left, bottom - top, ImageDraw.Draw(picture)
        pen.ellipse((left + width * 0.3, top, right - width * 0.3, top + height * 0.22), fill=color)
        pen.rounded_rectangle((left, top + height * 0.22, right, top + height * 0.65), width * 0.3, fill=color)
        for leg in (0.1, 0.6):
            pen.rectangle((left + width * leg, top + height * 0.6, left + width * (leg + 0.28), bottom), fill=color)

    return draw


def pair(picture: Image.Image, box: Box) -> None:
    """Two figures with background between them."""
    left, top, right, bottom = box
    third = (right - left) / 3
    walker((150, 40, 60))(picture, (left, top, left + third, bottom))
    walker((40, 50, 70))(picture, (right - third, top + (bottom - top) * 0.1, right, bottom))


def lamp(picture: Image.Image, box: Box) -> None:
    """A light and its glow."""
    glow = Image.new("L", picture.size)
    ImageDraw.Draw(glow).ellipse(box, fill=255)
    soft = ImageChops.lighter(glow.filter(ImageFilter.GaussianBlur(12)), glow.filter(ImageFilter.GaussianBlur(2)))
    picture.paste((255, 226, 160), mask=soft)


def bottle(picture: Image.Image, box: Box) -> None:
    """A white bottle with a soft shadow."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    shadow = Image.new("L", picture.size)
    ImageDraw.Draw(shadow).ellipse((left, bottom - height * 0.12, right, bottom), fill=90)
    picture.paste((120, 118, 115), mask=shadow.filter(ImageFilter.GaussianBlur(4)))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle(
        (left + width * 0.1, top + height * 0.2, right - width * 0.1, bottom - 4), 12, (252, 252, 251)
    )
    draw.rectangle((left + width * 0.35, top, right - width * 0.35, top + height * 0.2), fill=(222, 220, 216))
    draw.rectangle(
        (left + width * 0.2, top + height * 0.5, right - width * 0.2, top + height * 0.7), fill=(228, 225, 220)
    )


def flower(picture: Image.Image, box: Box) -> None:
    left, top, right, bottom = box
    x, y, across, down = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    draw = ImageDraw.Draw(picture)
    for petal in range(12):
        turn = petal * math.tau / 12
        tip = (x + math.cos(turn) * across * 0.7, y + math.sin(turn) * down * 0.7)
        draw.ellipse(
            (tip[0] - across * 0.3, tip[1] - down * 0.3, tip[0] + across * 0.3, tip[1] + down * 0.3),
            fill=(245, 240, 245) if petal % 2 else (225, 200, 225),
        )
    draw.ellipse((x - across * 0.3, y - down * 0.3, x + across * 0.3, y + down * 0.3), fill=(230, 180, 40))


def words(picture: Image.Image, box: Box) -> None:
    left, top, right, bottom = box
    draw, rng = ImageDraw.Draw(picture), random.Random(8)
    for y in range(int(top), int(bottom) - 8, 14):
        x = left
        while x < right - 8:
            length = min(rng.uniform(8, 34), right - x)
            draw.rectangle((x, y, x + length, y + 7), fill=(60, 62, 70))
            x += length + 6


def tower(picture: Image.Image, box: Box) -> None:
    left, top, right, bottom = box
    draw = ImageDraw.Draw(picture)
    draw.rectangle((left, top, right, bottom), fill=(150, 120, 95))
    for y in range(int(top) + 8, int(bottom) - 10, 16):
        for x in range(int(left) + 5, int(right) - 7, 13):
            draw.rectangle((x, y, x + 5, y + 8), fill=(60, 50, 48))


SKY, STUDIO, DUSK = (
    gradient((60, 110, 200), (200, 220, 240)),
    plain((240, 239, 236)),
    gradient((40, 40, 90), (240, 140, 80)),
)
RED_COAT, SHADE, NAVY = walker((190, 40, 40)), walker((22, 20, 26)), walker((40, 60, 110))

DRAWN = (
    Scene("a face left, in a studio", LANDSCAPE, STUDIO, face, (0.05, 0.15, 0.38, 1), TALL),
    Scene("a face right, before a brick wall", LANDSCAPE, brick, face, (0.62, 0.15, 0.95, 1), TALL),
    Scene("a face right, before foliage", LANDSCAPE, foliage, face, (0.6, 0.1, 0.94, 1), TALL),
    Scene("a face left, before bokeh", LANDSCAPE, bokeh, face, (0.08, 0.12, 0.42, 1), TALL),
    Scene("a balloon right, in the sky", LANDSCAPE, SKY, balloon, (0.75, 0.1, 0.92, 0.55), TALL),
    Scene("a balloon high above hills", PORTRAIT, hills, balloon, (0.3, 0.05, 0.55, 0.28), WIDE),
    Scene("a balloon left, in grain", LANDSCAPE, grain(SKY, 0.3), balloon, (0.1, 0.3, 0.28, 0.8), TALL),
    Scene("a walker left, on grass", LANDSCAPE, grass, RED_COAT, (0.12, 0.2, 0.28, 0.9), TALL),
    Scene("a walker low, on grass", PORTRAIT, grass, NAVY, (0.35, 0.68, 0.55, 0.97), WIDE),
    Scene(
        "a walker right, in grain", LANDSCAPE, grain(plain((120, 118, 112)), 0.25), NAVY, (0.72, 0.25, 0.86, 0.95), TALL
    ),
    Scene("a silhouette right, at dusk", LANDSCAPE, DUSK, SHADE, (0.7, 0.45, 0.82, 1), TALL),
    Scene("a silhouette left, by glittering water", LANDSCAPE, water, SHADE, (0.12, 0.3, 0.26, 1), TALL),
    Scene("a lamp left, at night", LANDSCAPE, night, lamp, (0.12, 0.3, 0.24, 0.48), TALL),
    Scene("a lamp high, at night", PORTRAIT, night, lamp, (0.4, 0.08, 0.56, 0.18), WIDE),
    Scene("a bottle right, white on white", LANDSCAPE, STUDIO, bottle, (0.66, 0.15, 0.88, 0.95), TALL),
    Scene("a bottle low, white on white", PORTRAIT, STUDIO, bottle, (0.3, 0.66, 0.5, 0.98), WIDE),
    Scene("a flower right, before bokeh", LANDSCAPE, bokeh, flower, (0.66, 0.2, 0.96, 0.66), TALL),
    Scene("a flower low, before foliage", PORTRAIT, foliage, flower, (0.25, 0.7, 0.7, 0.98), WIDE),
    Scene("words left, on a screen", LANDSCAPE, page, words, (0.04, 0.2, 0.38, 0.8), TALL),
    Scene("words low, on a screen", PORTRAIT, page, words, (0.1, 0.65, 0.9, 0.95), WIDE),
    Scene("a tower right, above hills", LANDSCAPE, hills, tower, (0.78, 0.1, 0.9, 0.75), TALL),
    Scene(
        "a tower left, in a gray sky", LANDSCAPE, grain(plain((170, 175, 180)), 0.1), tower, (0.06, 0.2, 0.2, 1), TALL
    ),
    Scene("a pair right, on a meadow", LANDSCAPE, hills, pair, (0.63, 0.35, 0.95, 0.95), TALL),
    Scene("a pair left, by glittering water", LANDSCAPE, water, pair, (0.06, 0.3, 0.38, 0.95), TALL),
    Scene("a boat low, on glittering water", PORTRAIT, water, balloon, (0.4, 0.72, 0.7, 0.92), WIDE),
    Scene("a face high, before a wall", PORTRAIT, brick, face, (0.15, 0.02, 0.75, 0.34), WIDE),
    Scene("a face at the edge, square frame", LANDSCAPE, foliage, face, (0, 0.1, 0.4, 1), SQUARE),
    Scene("a pair at the edge, square frame", LANDSCAPE, DUSK, pair, (0.6, 0.3, 1, 1), SQUARE),
    Scene("a walker high, square frame", PORTRAIT, grass, RED_COAT, (0.4, 0.02, 0.55, 0.3), SQUARE),
    Scene("a flower low, square frame", PORTRAIT, bokeh, flower, (0.2, 0.68, 0.6, 0.95), SQUARE),
    Scene("a tiny balloon far left", LANDSCAPE, SKY, balloon, (0.04, 0.5, 0.1, 0.64), TALL),
    Scene("a tiny walker far right", LANDSCAPE, plain((225, 205, 170)), SHADE, (0.9, 0.6, 0.94, 0.76), TALL),
)
