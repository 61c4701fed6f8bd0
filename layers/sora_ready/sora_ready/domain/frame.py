"""What frame is wanted, and how tags, metadata and JSON say it.

A user may say each thing in an object tag, else in the object's metadata, else in a JSON body, else the stack's default
holds. All of them are read here, by one parser, so that the same word means the same thing whichever door it came by.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote

from sora_ready.domain.errors import RequestRejected

if TYPE_CHECKING:
    from sora_ready.domain.catalog import Catalog

T = TypeVar("T")

# The Videos API's own bound on a prompt, in characters.
MAX_PROMPT = 32_000
# Sizes whose shapes differ by less than this look alike; the smaller one, which is the cheaper one, is then enough.
SAME_SHAPE = 0.02

_SIZE = re.compile(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", re.ASCII)
_COLOUR = re.compile(r"#?([0-9a-fA-F]{6})")
_PERCENT_ENCODED = re.compile(r"%(?![0-9a-fA-F]{2})")


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
        """Read `1280x720`, `1280X720` or `1280×720`. Raises ValueError on anything else."""
        match = _SIZE.fullmatch(text)
        if not match or not int(match[1]) or not int(match[2]):
            raise ValueError(f"{text!r} is not a size such as 1280x720")
        return cls(int(match[1]), int(match[2]))


class Mode(StrEnum):
    """How a picture of another shape meets the frame."""

    COVER = "cover"  # fill the frame; what does not fit is cropped away, evenly
    PAD = "pad"  # show the whole picture; the rest of the frame is background (a letterbox)
    STRETCH = "stretch"  # fill the frame with the whole picture, out of proportion


class Colour(NamedTuple):
    """A background colour, 0–255 for each of red, green and blue; written `336699`."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        return f"{self.red:02x}{self.green:02x}{self.blue:02x}"

    @classmethod
    def parse(cls, text: str) -> Colour:
        """Read `black`, `white` or six hex digits. Raises ValueError on anything else."""
        word = text.strip()
        named = {"black": "000000", "white": "ffffff"}.get(word.lower(), word)
        match = _COLOUR.fullmatch(named)
        if not match:
            raise ValueError(f"{text!r} is not a colour such as black or 336699")
        return cls(*bytes.fromhex(match[1]))


BLACK = Colour(0, 0, 0)
WHITE = Colour(255, 255, 255)


@dataclass(frozen=True, slots=True)
class Wish:
    """One value as somebody gave it, and where: `tag`, `metadata`, `body` or `default`."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """A picture's request as understood. `size` is None until the picture's shape is known (`auto`)."""

    model: str
    size: Size | None
    sizes: tuple[Size, ...]
    seconds: int
    mode: Mode
    background: Colour
    prompt: str


FIELDS = ("size", "mode", "background", "model", "seconds", "prompt")


def gather_wishes(sources: Sequence[tuple[str, Mapping[str, str]]]) -> dict[str, Wish]:
    """Pick each field from the first of `sources` (origin, values) that has it; names that are no field are ignored.

    Names are matched as they stand first, then without regard to case. An empty value counts as not given.
    """
    wishes: dict[str, Wish] = {}
    for origin, values in sources:
        given = {name: value for name, value in values.items() if value.strip()}
        folded = {name.strip().lower(): value for name, value in given.items()} | given
        for field in FIELDS:
            value = folded.get(field, "").strip()
            if value and field not in wishes:
                wishes[field] = Wish(value, origin)
    return wishes


def fit_defaults(wishes: Mapping[str, Wish], catalog: Catalog) -> dict[str, Wish]:
    """Replace a stack's default size or length that the picture's model does not take, by one that it does.

    The origin of such a value is `model`. Nobody is told that a value cannot be used which nobody asked for.
    """
    fitted = dict(wishes)
    name = _find(wishes["model"].value, catalog.models)
    if name is None:
        return fitted
    model = catalog[name]
    if wishes["size"].origin == "default" and not _takes_size(model.sizes, wishes["size"].value):
        fitted["size"] = Wish("auto", "model")
    if wishes["seconds"].origin == "default" and wishes["seconds"].value not in map(str, model.seconds):
        fitted["seconds"] = Wish(str(model.seconds[0]), "model")
    return fitted


def _takes_size(sizes: Sequence[Size], value: str) -> bool:
    try:
        return value.lower() == "auto" or Size.parse(value) in sizes
    except ValueError:
        return False


def read_request(wishes: Mapping[str, Wish], catalog: Catalog) -> VideoRequest:
    """Turn `wishes` (every field must have one) into a request that `catalog` can serve.

    Raises `RequestRejected`, naming the field, its value, where it came from and what is allowed.
    """
    model = catalog[_choose(wishes["model"], "model", {name: name for name in catalog.models})]
    sizes = {str(size): size for size in model.sizes}
    return VideoRequest(
        model=model.name,
        size=_read_size(wishes["size"], model.name, sizes),
        sizes=model.sizes,
        seconds=_choose(
            wishes["seconds"],
            "seconds",
            {str(length): length for length in model.seconds},
            f"Model {model.name} makes no such length.",
        ),
        mode=_choose(wishes["mode"], "mode", {str(mode): mode for mode in Mode}),
        background=_parse(
            wishes["background"], "background", Colour.parse, ["black", "white", "six hex digits (336699)"]
        ),
        prompt=_read_prompt(wishes["prompt"]),
    )


def nearest_size(picture: Size, sizes: Sequence[Size]) -> Size:
    """Return which of `sizes` is nearest in shape to the upright `picture`; of shapes alike, the smallest."""
    best = min(abs(size.shape - picture.shape) for size in sizes)
    alike = [size for size in sizes if abs(size.shape - picture.shape) <= best + SAME_SHAPE]
    return min(alike, key=lambda size: size.width * size.height)


def decode_metadata(value: str) -> str:
    """Return a metadata value as it was meant: percent-encoded UTF-8 is decoded, anything else is left alone.

    S3 metadata is ASCII on the wire, so text in any other alphabet travels percent-encoded; a plain `100% sharp`, which
    is no encoding, stays as it is.
    """
    if "%" not in value or _PERCENT_ENCODED.search(value):
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return value


def _read_size(wish: Wish, model: str, sizes: Mapping[str, Size]) -> Size | None:
    if wish.value.lower() == "auto":
        return None
    allowed = [*sizes, "auto"]
    size = _parse(wish, "size", Size.parse, allowed, f"Model {model} takes no such size.")
    if size not in sizes.values():
        raise RequestRejected("size", wish.value, wish.origin, allowed, why=f"Model {model} takes no such size.")
    return size


def _read_prompt(wish: Wish) -> str:
    if len(wish.value) > MAX_PROMPT:
        raise RequestRejected("prompt", wish.value, wish.origin, [f"1 to {MAX_PROMPT} characters"])
    return wish.value


def _choose(wish: Wish, field: str, choices: Mapping[str, T], why: str = "") -> T:
    name = _find(wish.value, choices)
    if name is None:
        raise RequestRejected(field, wish.value, wish.origin, choices, why=why)
    return choices[name]


def _find(value: str, choices: Mapping[str, Any]) -> str | None:
    return next((name for name in (value, value.lower()) if name in choices), None)


def _parse(wish: Wish, field: str, read: Callable[[str], T], allowed: Sequence[str], why: str = "") -> T:
    try:
        return read(wish.value)
    except ValueError:
        raise RequestRejected(field, wish.value, wish.origin, allowed, why=why) from None
