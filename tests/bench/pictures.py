"""Draws pictures like photographs, of the sizes and formats that users upload, once, into `.local/bench`.

Photographs of scikit-image give the shapes and tones, its textures the fine detail. Grain like a sensor's makes the
files as large as a camera's: about 0.3 bytes a pixel as JPEG, 1.5 to 2 as PNG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import skimage
from PIL import Image, ImageDraw

# Increment with every change that changes a picture, so that no stale one is measured.
EDITION = 1
FOLDER = Path(".local/bench")
MASTER = (4000, 3000)
# Grain, in levels of 255. Most of it is common to all channels, as after a camera's noise reduction.
LUMA_GRAIN, COLOR_GRAIN = 2.7, 1.0
PHOTOS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png", "hubble_deep_field.jpg")
TEXTURES = ("gravel.png", "grass.png", "brick.png")
BAND = 500


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its `key` on the command line, its title in the table, and what writes it."""

    key: str
    title: str
    size: tuple[int, int]
    suffix: str
    write: Callable[[Image.Image, Path], None]

    @property
    def path(self) -> Path:
        """The path of the file."""
        return FOLDER / f"{self.key}-{EDITION}{self.suffix}"


def save(picture: Image.Image, path: Path, **options: Any) -> None:
    """Write with Pillow, in the format of the suffix."""
    picture.save(path, **options)


def save_heic(picture: Image.Image, path: Path) -> None:
    """Write as HEIC: one image, where phones write tiles."""
    pillow_heif.from_pillow(picture).save(path, quality=60, enc_params={"preset": "superfast"})


_JPEG = partial(save, quality=90)
PICTURES = {
    picture.key: picture
    for picture in (
        Picture("jpeg12", "JPEG 12 Mpx", (4000, 3000), ".jpg", _JPEG),
        Picture("jpeg24", "JPEG 24 Mpx", (6000, 4000), ".jpg", _JPEG),
        Picture("jpeg48", "JPEG 48 Mpx", (8000, 6000), ".jpg", _JPEG),
        Picture("jpeg108", "JPEG 108 Mpx", (12000, 9000), ".jpg", _JPEG),
        Picture("progressive12", "progressive JPEG 12 Mpx", (4000, 3000), ".jpg", partial(_JPEG, progressive=True)),
        Picture("png12", "PNG 12 Mpx", (4000, 3000), ".png", save),
        Picture("heic12", "HEIC 12 Mpx", (4000, 3000), ".heic", save_heic),
        Picture("webp12", "WebP 12 Mpx", (4000, 3000), ".webp", partial(save, quality=90)),
    )
}


def draw_missing_pictures(keys: list[str]) -> Iterator[Picture]:
    """Draw the pictures that do not exist yet; yield each before it is drawn."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for key in keys:
        picture = PICTURES[key]
        if not picture.path.exists():
            yield picture
            # Renamed when complete: after Ctrl-C, the next run must not find half a picture.
            partial_file = picture.path.with_stem("partial")
            picture.write(draw(picture.size), partial_file)
            partial_file.rename(picture.path)


@lru_cache(maxsize=1)
def draw(size: tuple[int, int]) -> Image.Image:
    """Return the scene at `size`, with the detail and grain of a photo of that size."""
    master = draw_master()
    # Of a sensor with more pixels, each catches less light.
    strength = (size[0] * size[1] / (MASTER[0] * MASTER[1])) ** 0.25
    grain = (draw_grain() * strength).round().astype(np.int16)
    rng = np.random.default_rng(3)
    canvas = Image.new("RGB", size)
    scale = master.width / size[0], master.height / size[1]
    for top in range(0, size[1], BAND):
        height = min(BAND, size[1] - top)
        box = (0, top * scale[1], master.width, (top + height) * scale[1])
        band = np.asarray(master.resize((size[0], height), Image.Resampling.BICUBIC, box=box), dtype=np.int16)
        columns = (np.arange(size[0]) + rng.integers(len(grain[0]))) % len(grain[0])
        rows = (np.arange(height) + rng.integers(len(grain))) % len(grain)
        noisy = band + grain[rows[:, None], columns]
        canvas.paste(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), (0, top))
    return canvas


@lru_cache(maxsize=1)
def draw_master() -> Image.Image:
    """Return the scene without grain: clouds over textured ground, photographs, hard edges."""
    width, height = MASTER
    tints = np.stack([draw_clouds(seed) for seed in range(3)], axis=-1) * np.float32(7)
    shade = np.linspace(190, 90, height)[:, None, None] + np.linspace(-25, 25, width)[None, :, None]
    scene = draw_clouds(9)[..., None] * (38, 36, 32) + tints + shade
    third = height // 3
    for index, name in enumerate(TEXTURES):
        left, right = index * width // 3, (index + 1) * width // 3
        texture = np.asarray(open_photo(name).convert("L"), dtype=np.float32) - 128
        tiled = np.tile(mirror(texture), (2, 2))[:third, : right - left, None]
        scene[-third:, left:right] += tiled * 0.6
    canvas = Image.fromarray(scene.clip(0, 255).astype(np.uint8))
    for index, name in enumerate(PHOTOS):
        photo = open_photo(name).convert("RGB").resize((1100, 850), Image.Resampling.LANCZOS)
        canvas.paste(photo, (150 + index % 3 * 1280, 120 + index // 3 * 1000))
    draw_edges(ImageDraw.Draw(canvas))
    return canvas


def draw_edges(pen: ImageDraw.ImageDraw) -> None:
    """Draw what makes resampling filters ring or alias: fans of thin lines, steps and letters."""
    for step in range(60):
        pen.line((2000, 1050, 1400 + step * 20, 1120), fill=(20, 20, 24), width=1 + step % 3)
        pen.rectangle((20 + step * 66, 2900, 40 + step * 66, 2980), fill=(245, 240, 232))
        pen.text((30 + step % 10 * 400, 2030 + step // 10 * 40), f"Frame {step:03} exact", fill=(250, 250, 250))


def draw_clouds(seed: int) -> np.ndarray:
    """Return 1/f noise, which photographs resemble, with mean 0 and standard deviation 1."""
    width, height = MASTER
    rng = np.random.default_rng(seed)
    side = 1024
    spectrum = np.fft.rfft2(rng.standard_normal((side, side)))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = np.inf
    small = np.fft.irfft2(spectrum / frequency**1.2, s=(side, side)).astype(np.float32)
    large = Image.fromarray(small / small.std()).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(large)


def draw_grain() -> np.ndarray:
    """Return a patch of sensor noise in three channels, slightly blurred as by demosaicing."""
    rng = np.random.default_rng(7)
    common = rng.standard_normal((1531, 2039, 1)) * LUMA_GRAIN
    single = rng.standard_normal((1531, 2039, 3)) * COLOR_GRAIN
    noise = common + single
    softened = (noise * 2 + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / 6**0.5
    return softened.astype(np.float32)


def mirror(tile: np.ndarray) -> np.ndarray:
    """Return the tile with its mirror images, so that it repeats without seams."""
    rows = np.concatenate([tile, tile[::-1]])
    return np.concatenate([rows, rows[:, ::-1]], axis=1)


def open_photo(name: str) -> Image.Image:
    """Open a photograph of the installed scikit-image; nothing is downloaded."""
    return Image.open(Path(skimage.__file__).parent / "data" / name)
