"""The vocabulary of frames: how large, how filled, what is kept, what lies around it, and how it is written down.

Each word knows how a person writes it; `request.py` decides which word counts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

AUTO: Final = "auto"
"""Left to the picture itself: its shape, its details, or the color of its edge."""

# Sizes whose shapes differ by less than this look alike; the smaller one, which is the cheaper one, is then enough.
SAME_SHAPE = 0.02
# In pixels. No video is larger, and a slip of the keys (99999x99999) would be a frame of 30 gigabytes.
MAX_SIDE = 8192
# Fractions are held to this many decimals: finer than a pixel of any picture, and written out and read back the same.
DECIMALS = 9

_SIZE = re.compile(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", re.ASCII)
_COLOR = re.compile(r"#?([0-9a-fA-F]{6})")
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)


class Size(NamedTuple):
    """A frame's width and height in pixels; written `1280x720`."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def shape(self) -> float:
        """The logarithm of width over height: equal steps in shape are equal steps in this number."""
        return math.log(self.width / self.height)

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read `1280x720`, `1280X720` or `1280×720`. Raises ValueError on anything else, and above `MAX_SIDE`."""
        match = _SIZE.fullmatch(text)
        if not match or not all(1 <= int(side) <= MAX_SIDE for side in match.groups()):
            raise ValueError(f"{text!r} is not a size such as 1280x720")
        return cls(int(match[1]), int(match[2]))


class Mode(StrEnum):
    """How a picture of another shape meets the frame."""

    COVER = "cover"  # fill the frame; what does not fit is cropped away, around the focus
    PAD = "pad"  # show the whole picture; the rest of the frame is background (a letterbox)
    BLUR = "blur"  # show the whole picture; the rest of the frame is the same picture, larger and blurred
    STRETCH = "stretch"  # fill the frame with the whole picture, out of proportion
    AUTO = "auto"  # cover while little is lost, else blur


class Format(StrEnum):
    """How the frame is written: each is one that Videos API servers take."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"

    @property
    def content_type(self) -> str:
        """The media type, such as `image/jpeg`."""
        return f"image/{self}"


class Color(NamedTuple):
    """A background color, 0–255 for each of red, green and blue; written `336699`."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        return f"{self.red:02x}{self.green:02x}{self.blue:02x}"

    @classmethod
    def parse(cls, text: str) -> Color:
        """Read `black`, `white` or six hex digits. Raises ValueError on anything else."""
        word = text.strip()
        named = {"black": "000000", "white": "ffffff"}.get(word.lower(), word)
        match = _COLOR.fullmatch(named)
        if not match:
            raise ValueError(f"{text!r} is not a color such as black or 336699")
        return cls(*bytes.fromhex(match[1]))


BLACK = Color(0, 0, 0)
WHITE = Color(255, 255, 255)


class Focus(NamedTuple):
    """The point that a crop keeps, and keeps as near to its middle as the edges allow; fractions from the top-left."""

    x: float
    y: float

    def __str__(self) -> str:
        return " ".join(map(_write_fraction, self))

    @classmethod
    def parse(cls, text: str) -> Focus:
        """Read a name (`center`, `top`, `bottom-left`), `0.5 0.3`, or JSON: `[0.5, 0.3]`, `{"x": 0.5, "y": 0.3}`.

        Raises ValueError on anything else, and on fractions outside 0 to 1.
        """
        words = re.split(r"[\s_-]+", text.strip().lower().replace("centre", "center"))
        return _name_point(words) or cls(*_read_fractions(text, ("x", "y"), {}))


CENTER = Focus(0.5, 0.5)


class Crop(NamedTuple):
    """The part of the upright picture that is used at all: its edges, as fractions from the top-left."""

    left: float
    top: float
    right: float
    bottom: float

    def __str__(self) -> str:
        return " ".join(map(_write_fraction, self))

    @classmethod
    def parse(cls, text: str) -> Crop:
        """Read `0.1 0 0.9 1` (left, top, right, bottom), or JSON: `[0.1, 0, 0.9, 1]`, `{"left_fraction": 0.1}`.

        The JSON words are those of the Videos API's `crop_bounds`; an edge that is left out is the picture's own.
        Raises ValueError on anything else, on fractions outside 0 to 1, and where nothing would be left.
        """
        crop = cls(*_read_fractions(text, cls._fields, WHOLE._asdict()))
        if crop.left >= crop.right or crop.top >= crop.bottom:
            raise ValueError(f"{text!r} leaves nothing of the picture")
        return crop


WHOLE = Crop(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """How a picture is put into a frame and how that frame is written; `quality` is 1 to 100."""

    mode: Mode = Mode.COVER
    focus: Focus | Literal["auto"] = CENTER
    crop: Crop = WHOLE
    background: Color | Literal["auto"] = BLACK
    format: Format = Format.JPEG
    quality: int = 95

    @classmethod
    def of(
        cls,
        *,
        mode: str,
        focus: tuple[float, float] | Literal["auto"],
        crop: tuple[float, float, float, float],
        background: tuple[int, int, int] | Literal["auto"],
        format: str,  # noqa: A002 - the word that tags use
        quality: int,
    ) -> FrameOptions:
        """Return the look of these plain values. Raises ValueError for one that is out of its range."""
        part = Crop(*crop)
        if not (0 <= part.left < part.right <= 1 and 0 <= part.top < part.bottom <= 1):
            raise ValueError(f"crop={crop!r} must be left, top, right and bottom as fractions from 0 to 1")
        point = focus if focus == AUTO else Focus(*focus)
        if point != AUTO and not all(0 <= fraction <= 1 for fraction in point):
            raise ValueError(f"focus={focus!r} must be two fractions from 0 to 1, or {AUTO!r}")
        color = background if background == AUTO else Color(*background)
        if color != AUTO and not all(0 <= value <= 255 for value in color):
            raise ValueError(f"background={background!r} must be three values from 0 to 255, or {AUTO!r}")
        if not 1 <= quality <= 100:
            raise ValueError(f"quality={quality!r} must be from 1 to 100")
        return cls(Mode(mode), point, part, color, Format(format), quality)


def nearest_size(picture: Size, sizes: Sequence[Size]) -> Size:
    """Return which of `sizes` is nearest in shape to the upright `picture`; of shapes alike, the smallest."""
    best = min(abs(size.shape - picture.shape) for size in sizes)
    alike = [size for size in sizes if abs(size.shape - picture.shape) <= best + SAME_SHAPE]
    return min(alike, key=lambda size: size.width * size.height)


def _name_point(words: Sequence[str]) -> Focus | None:
    """Return the point that one or two words name (`top`, `left top`), None where they are no such words."""
    across = {"left": 0.0, "right": 1.0}
    down = {"top": 0.0, "bottom": 1.0}
    named = [word for word in words if word != "center"]
    known = all(word in across or word in down for word in named)
    if not known or len(words) > 2 or sum(word in across for word in named) > 1 or sum(w in down for w in named) > 1:
        return None
    x = next((across[word] for word in named if word in across), 0.5)
    y = next((down[word] for word in named if word in down), 0.5)
    return Focus(x, y)


def _write_fraction(fraction: float) -> str:
    """Write a fraction as a tag may spell it: without an exponent."""
    return f"{_round(fraction):.{DECIMALS}f}".rstrip("0").rstrip(".")


def _round(fraction: float) -> float:
    # Plus zero, for zero may come with a minus.
    return round(fraction, DECIMALS) + 0.0


def _read_fractions(text: str, names: Sequence[str], missing: Mapping[str, float]) -> list[float]:
    """Read one fraction (0 to 1) for each of `names`, from numbers in a row or from JSON. Raises ValueError.

    `missing` holds those that a JSON object may leave out.
    """
    told = _read_json(text, names, missing) if text.lstrip()[:1] in {"{", "["} else _read_row(text)
    if len(told) != len(names) or not all(0 <= value <= 1 for value in told):
        raise ValueError(f"{text!r} is not {len(names)} fractions from 0 to 1")
    return [_round(float(value)) for value in told]


def _read_row(text: str) -> list[float]:
    # A tag can hold no comma; people write one all the same.
    words = [word for word in re.split(r"[\s,;:/]+", text) if word]
    if not all(_NUMBER.fullmatch(word) for word in words):
        raise ValueError(f"{text!r} is not a row of numbers")
    return [float(word) for word in words]


def _read_json(text: str, names: Sequence[str], missing: Mapping[str, float]) -> list[Any]:
    try:
        told = json.loads(text)
    except RecursionError:
        raise ValueError("lists within lists are no numbers") from None
    if isinstance(told, dict):
        given = {name.removesuffix("_fraction"): value for name, value in told.items()}
        if not given or not given.keys() <= set(names) or not set(names) <= given.keys() | missing.keys():
            raise ValueError(f"{text!r} does not name {', '.join(names)}")
        told = [given[name] if name in given else missing[name] for name in names]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in told):
        raise ValueError(f"{text!r} holds something that is no number")
    return list(told)
