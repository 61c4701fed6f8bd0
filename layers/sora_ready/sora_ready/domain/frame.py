"""The options of a frame: its size, mode, focus, crop, background, format and quality.

Each type parses the text that a user writes and writes itself as such text. Nothing here imports Pillow: functions that
never decode a picture use these types too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NamedTuple, TypedDict, Unpack

AUTO: Final = "auto"
"""The picture decides: its aspect ratio (size), its salient point (focus) or the color of its edge (background)."""

# Aspect ratios whose logarithms differ by less than this look the same: the smaller and cheaper size is taken.
SAME_ASPECT_RATIO = 0.02
# In pixels. No video is larger, and a typing error (99999x99999) would be a frame of 30 gigabytes.
MAX_SIDE = 8192
# Fractions are rounded to this many decimals: finer than a pixel of any picture, and the same when parsed again.
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
    def log_aspect_ratio(self) -> float:
        """The logarithm of width over height, so that 2:1 is as far from a square as 1:2 is."""
        return math.log(self.width / self.height)

    @classmethod
    def parse(cls, text: str) -> Size:
        """Parse `1280x720`, `1280X720` or `1280×720`. Raises `ValueError` for anything else, and above `MAX_SIDE`."""
        match = _SIZE.fullmatch(text)
        if not match or not all(1 <= int(side) <= MAX_SIDE for side in match.groups()):
            raise ValueError(f"{text!r} is not a size such as 1280x720")
        return cls(int(match[1]), int(match[2]))


class Mode(StrEnum):
    """How a picture of another aspect ratio fills the frame."""

    COVER = "cover"  # fill the frame and crop the rest, around the focus
    PAD = "pad"  # show the whole picture, with bars of the background (a letterbox)
    BLUR = "blur"  # show the whole picture over its own enlarged and blurred copy
    STRETCH = "stretch"  # fill the frame with the whole picture, distorted
    AUTO = "auto"  # cover if that crops little, else blur


class Format(StrEnum):
    """How the frame is encoded: the formats that Videos API servers accept."""

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
        """Parse `black`, `white` or six hex digits. Raises `ValueError` for anything else."""
        word = text.strip()
        named = {"black": "000000", "white": "ffffff"}.get(word.lower(), word)
        match = _COLOR.fullmatch(named)
        if not match:
            raise ValueError(f"{text!r} is not a color such as black or 336699")
        return cls(*bytes.fromhex(match[1]))


BLACK = Color(0, 0, 0)
WHITE = Color(255, 255, 255)


class Focus(NamedTuple):
    """The point that `cover` keeps as near to the frame's center as the edges allow; fractions from the top-left."""

    x: float
    y: float

    def __str__(self) -> str:
        return " ".join(map(_format_fraction, self))

    @classmethod
    def parse(cls, text: str) -> Focus:
        """Parse a name (`center`, `top`, `bottom-left`), `0.5 0.3`, or JSON: `[0.5, 0.3]`, `{"x": 0.5, "y": 0.3}`.

        Raises `ValueError` for anything else, and for fractions outside 0 to 1.
        """
        words = re.split(r"[\s_-]+", text.strip().lower().replace("centre", "center"))
        pair = tuple(sorted([*words, "center"] if len(words) == 1 else words))
        return _NAMED_POINTS.get(pair) or cls(*_parse_fractions(text, cls._fields, {}))


CENTER = Focus(0.5, 0.5)
_ACROSS = {"left": 0.0, "center": 0.5, "right": 1.0}
_DOWN = {"top": 0.0, "center": 0.5, "bottom": 1.0}
# By the two words of a name, sorted. A single word is paired with `center`.
_NAMED_POINTS = {
    tuple(sorted((across, down))): Focus(x, y) for across, x in _ACROSS.items() for down, y in _DOWN.items()
}


class Crop(NamedTuple):
    """The part of the upright picture that is used: its edges, as fractions from the top-left."""

    left: float
    top: float
    right: float
    bottom: float

    def __str__(self) -> str:
        return " ".join(map(_format_fraction, self))

    @classmethod
    def parse(cls, text: str) -> Crop:
        """Parse `0.1 0 0.9 1` (left, top, right, bottom), or JSON: `[0.1, 0, 0.9, 1]`, `{"left_fraction": 0.1}`.

        The JSON keys are those of `crop_bounds` in Azure's Videos API; a missing edge is the picture's own.
        Raises `ValueError` for anything else, for fractions outside 0 to 1, and for an empty crop.
        """
        crop = cls(*_parse_fractions(text, cls._fields, WHOLE._asdict()))
        if crop.left >= crop.right or crop.top >= crop.bottom:
            raise ValueError(f"{text!r} leaves nothing of the picture")
        return crop


WHOLE = Crop(0.0, 0.0, 1.0, 1.0)


class FrameOptionValues(TypedDict, total=False):
    """`FrameOptions` as keyword arguments: plain values do, and each has a default."""

    mode: Mode | str
    focus: tuple[float, float] | Literal["auto"]
    crop: tuple[float, float, float, float]
    background: tuple[int, int, int] | Literal["auto"]
    format: Format | str
    quality: int


@dataclass(frozen=True)
class FrameOptions:
    """How a picture becomes a frame and how the frame is encoded. `quality` is 1 to 100.

    Raises `ValueError` for a value that is out of its range.
    """

    mode: Mode = Mode.COVER
    focus: Focus | Literal["auto"] = CENTER
    crop: Crop = WHOLE
    background: Color | Literal["auto"] = BLACK
    format: Format = Format.JPEG
    quality: int = 95

    def __post_init__(self) -> None:
        crop = self.crop
        if not (0 <= crop.left < crop.right <= 1 and 0 <= crop.top < crop.bottom <= 1):
            raise ValueError(f"crop={tuple(crop)} must be left, top, right and bottom as fractions from 0 to 1")
        if self.focus != AUTO and not all(0 <= fraction <= 1 for fraction in self.focus):
            raise ValueError(f"focus={tuple(self.focus)} must be two fractions from 0 to 1, or {AUTO!r}")
        if self.background != AUTO and not all(0 <= value <= 255 for value in self.background):
            raise ValueError(f"background={tuple(self.background)} must be three values from 0 to 255, or {AUTO!r}")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality={self.quality!r} must be from 1 to 100")

    @classmethod
    def from_values(cls, **values: Unpack[FrameOptionValues]) -> FrameOptions:
        """Return the options of plain values. Raises `ValueError`, and `TypeError` for an unknown option."""
        if unknown := values.keys() - FrameOptionValues.__optional_keys__:
            raise TypeError(f"unknown frame option: {', '.join(sorted(unknown))}")
        default = cls()
        focus = values.get("focus", default.focus)
        background = values.get("background", default.background)
        return cls(
            mode=Mode(values.get("mode", default.mode)),
            focus=focus if focus == AUTO else Focus(*focus),
            crop=Crop(*values.get("crop", default.crop)),
            background=background if background == AUTO else Color(*background),
            format=Format(values.get("format", default.format)),
            quality=values.get("quality", default.quality),
        )


def nearest_size(picture: Size, sizes: Sequence[Size]) -> Size:
    """Return the size whose aspect ratio is nearest to the upright `picture`'s; of similar ones, the smallest."""
    least = min(abs(size.log_aspect_ratio - picture.log_aspect_ratio) for size in sizes)
    limit = least + SAME_ASPECT_RATIO
    similar = [size for size in sizes if abs(size.log_aspect_ratio - picture.log_aspect_ratio) <= limit]
    return min(similar, key=lambda size: size.width * size.height)


def _format_fraction(fraction: float) -> str:
    """Return the fraction without an exponent, as users write it in a tag."""
    return f"{_round(fraction):.{DECIMALS}f}".rstrip("0").rstrip(".")


def _round(fraction: float) -> float:
    # Adding zero turns -0.0 into 0.0.
    return round(fraction, DECIMALS) + 0.0


def _parse_fractions(text: str, names: Sequence[str], defaults: Mapping[str, float]) -> list[float]:
    """Return a fraction (0 to 1) for each of `names`, from a row of numbers or from JSON. Raises `ValueError`.

    A JSON object may omit the names in `defaults`.
    """
    numbers = _parse_json(text, names, defaults) if text.lstrip()[:1] in {"{", "["} else _parse_row(text)
    if len(numbers) != len(names) or not all(0 <= number <= 1 for number in numbers):
        raise ValueError(f"{text!r} is not {len(names)} fractions from 0 to 1")
    return [_round(float(number)) for number in numbers]


def _parse_row(text: str) -> list[float]:
    # S3 tags cannot hold a comma; other sources can, and users write it.
    words = [word for word in re.split(r"[\s,;:/]+", text) if word]
    if not all(_NUMBER.fullmatch(word) for word in words):
        raise ValueError(f"{text!r} is not a row of numbers")
    return [float(word) for word in words]


def _parse_json(text: str, names: Sequence[str], defaults: Mapping[str, float]) -> list[float]:
    try:
        parsed: dict[str, object] | list[object] = json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if isinstance(parsed, dict):
        fields = {name.removesuffix("_fraction"): value for name, value in parsed.items()}
        if not fields or not fields.keys() <= set(names) or not set(names) <= fields.keys() | defaults.keys():
            raise ValueError(f"{text!r} does not name {', '.join(names)}")
        parsed = [fields[name] if name in fields else defaults[name] for name in names]
    numbers = [value for value in parsed if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) != len(parsed):
        raise ValueError(f"{text!r} holds a value that is not a number")
    return numbers
