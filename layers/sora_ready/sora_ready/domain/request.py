"""What is asked of a picture, and how tags, metadata and JSON say it.

A user may say each thing in an object tag, else in the object's metadata, else in a JSON body, else the stack's default
holds. All of them are read here, by one parser, so that the same word means the same thing whichever door it came by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import unquote

from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import AUTO, WHOLE, Color, Crop, Focus, Format, FrameOptions, Mode, Size, nearest_size

if TYPE_CHECKING:
    from sora_ready.domain.catalog import Catalog, Model

T = TypeVar("T")

# The Videos API's own bound on a prompt, in characters.
MAX_PROMPT = 32_000
_PROMPTS = (f"1 to {MAX_PROMPT} characters",)

FIELDS = ("size", "mode", "focus", "crop", "background", "format", "quality", "preset", "model", "seconds", "prompt")
_ALSO_CALLED = {"crop_bounds": "crop"}  # the word of Azure's Sora
NAMES = frozenset({*FIELDS, *_ALSO_CALLED})

PRESETS: Mapping[str, Mapping[str, str]] = {
    "portrait": {"mode": "cover", "focus": "0.5 0.3"},  # eyes lie in the upper third
    "landscape": {"mode": "cover", "focus": "auto"},
    "product": {"mode": "pad", "background": "auto"},  # the background goes on to the frame's edge
    "art": {"mode": "blur"},  # nothing of a painting is cut away
    "screenshot": {"mode": "pad", "background": "auto", "format": "png"},  # letters stay sharp
}
"""What each preset stands for. What a picture says itself goes before its preset, a preset before the defaults."""

# The shapes that platforms show, and which way they lie.
_PLATFORMS = {"youtube": Size(16, 9), "tiktok": Size(9, 16), "reels": Size(9, 16), "shorts": Size(9, 16)}
_NAMED_SIZE = re.compile(r"(landscape|portrait|square)(?:[ _-]?(\d{1,4})p)?|(\d{1,4})p", re.ASCII)
_PERCENT_ENCODED = re.compile(r"%(?![0-9a-fA-F]{2})")
_WHOLE_NUMBER = re.compile(r"\d{1,3}", re.ASCII)
# Stands for a value of JSON that is no text, in a refusal; no field takes it.
_UNREADABLE = "(unreadable)"


@dataclass(frozen=True, slots=True)
class Option:
    """One value as somebody gave it, and where: `tag`, `metadata`, `body`, `preset`, `model` or `default`."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """A picture's request as understood. The one of `sizes` that is nearest in shape to the picture is its frame."""

    model: str
    sizes: tuple[Size, ...]
    frame_options: FrameOptions
    seconds: int
    prompt: str


def merge_options(sources: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Option]:
    """Pick each field from the first of `sources` (source, values) that has it; names that are no field are ignored.

    Names are matched as they stand first, then without regard to case. An empty value, and JSON's null, count as not
    given; JSON's numbers, lists and objects are read as if they had been written into a tag.

    Raises `RequestRejected` where a prompt is no text; whatever else cannot be used is refused when it is read.
    """
    options: dict[str, Option] = {}
    for source, values in sources:
        given = {name: value for name, value in values.items() if not _is_blank(value)}
        folded = {name.strip().lower(): value for name, value in given.items()} | given
        folded = {_ALSO_CALLED[name]: value for name, value in folded.items() if name in _ALSO_CALLED} | folded
        for field in FIELDS:
            if field in folded and field not in options:
                options[field] = _make_option(field, folded[field], source)
    return options


def apply_preset(options: Mapping[str, Option]) -> dict[str, Option]:
    """Replace the defaults that the picture's preset, if it has one, says otherwise; their source is then `preset`.

    Raises `RequestRejected` where there is no such preset.
    """
    if "preset" not in options:
        return dict(options)
    values = _choose(options["preset"], "preset", PRESETS)
    return dict(options) | {
        field: Option(value, "preset")
        for field, value in values.items()
        if field not in options or options[field].source == "default"
    }


def fit_defaults(options: Mapping[str, Option], catalog: Catalog) -> dict[str, Option]:
    """Replace a stack's default size or length that the picture's model does not take, by one that it does.

    The source of such a value is `model`. Nobody is told that a value cannot be used which nobody asked for.
    """
    fitted = dict(options)
    name = _find(options["model"].value, catalog.models)
    if name is None:
        return fitted
    model = catalog[name]
    if options["size"].source == "default" and not _find_sizes(options["size"].value, model.sizes):
        fitted["size"] = Option(AUTO, "model")
    if options["seconds"].source == "default" and options["seconds"].value not in map(str, model.seconds):
        fitted["seconds"] = Option(str(model.seconds[0]), "model")
    return fitted


def parse_request(options: Mapping[str, Option], catalog: Catalog) -> VideoRequest:
    """Turn `options` (size, model, seconds and prompt must be among them) into a request that `catalog` can serve.

    Raises `RequestRejected`, naming the field, its value, where it came from and what is allowed.
    """
    model = catalog[_choose(options["model"], "model", {name: name for name in catalog.models})]
    return VideoRequest(
        model=model.name,
        sizes=parse_sizes(options["size"], model, catalog.models.values()),
        frame_options=parse_frame_options(options),
        seconds=_choose(
            options["seconds"],
            "seconds",
            {str(length): length for length in model.seconds},
            f"Model {model.name} makes no such length.",
        ),
        prompt=_read_prompt(options["prompt"]),
    )


def parse_frame_options(options: Mapping[str, Option]) -> FrameOptions:
    """Turn the `options` that concern the picture alone into a look; what nobody asked for is as `FrameOptions` has it.

    Raises `RequestRejected`, naming the field, its value, where it came from and what is allowed.
    """
    readers: dict[str, Callable[[Option], Any]] = {
        "mode": lambda option: _choose(option, "mode", {str(mode): mode for mode in Mode}),
        "focus": _read_focus,
        "crop": _read_crop,
        "background": _read_background,
        "format": lambda option: _choose(option, "format", {str(kind): kind for kind in Format} | {"jpg": Format.JPEG}),
        "quality": _read_quality,
    }
    return FrameOptions(**{field: read(options[field]) for field, read in readers.items() if field in options})


def parse_sizes(option: Option, model: Model, others: Iterable[Model] = ()) -> tuple[Size, ...]:
    """Return which of the model's sizes a option leaves to choose from: one, or those of a name, or all (`auto`).

    Raises `RequestRejected` where the model has none of that name; it says which of the `others` have.
    """
    sizes = _find_sizes(option.value, model.sizes)
    if not sizes:
        named = dict.fromkeys(_name_size(size) for size in model.sizes)
        platforms = [name for name in _PLATFORMS if _find_sizes(name, model.sizes)]
        raise RequestRejected(
            "size",
            option.value,
            option.source,
            [*map(str, model.sizes), *named, *platforms, AUTO],
            why=f"Model {model.name} takes no such size{_name_takers(option.value, others)}.",
        )
    return sizes


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


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _make_option(field: str, value: Any, source: str) -> Option:
    text = _as_text(value)
    # Every other field takes a few words only; a prompt takes any, and would be paid for with its brackets.
    if field == "prompt" and (text is None or not isinstance(value, str)):
        raise RequestRejected(field, text or _UNREADABLE, source, _PROMPTS)
    return Option(_UNREADABLE if text is None else text, source)


def _as_text(value: Any) -> str | None:
    """Return a JSON value as it would be written into a tag, None where it cannot be written at all."""
    try:
        if isinstance(value, str):
            return value.strip().encode().decode()
        # JSON knows one kind of number: its 95.0 is 95.
        return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
    except (ValueError, RecursionError):  # half a surrogate pair, thousands of digits, lists within lists within lists
        return None


def _find_sizes(value: str, sizes: Sequence[Size]) -> tuple[Size, ...]:
    """Return which of `sizes` a value means; none where it is no size, no name, or none of theirs."""
    word = value.strip().lower()
    if word == AUTO:
        return tuple(sizes)
    if word in _PLATFORMS:
        lying = tuple(size for size in sizes if _lie(size) == _lie(_PLATFORMS[word]))
        return (nearest_size(_PLATFORMS[word], lying),) if lying else ()
    named = _NAMED_SIZE.fullmatch(word)
    if named:
        way, lines = named[1], named[2] or named[3]
        return tuple(
            size for size in sizes if (not way or _lie(size) == way) and (not lines or min(size) == int(lines))
        )
    try:
        wanted = Size.parse(word)
    except ValueError:
        return ()
    return (wanted,) if wanted in sizes else ()


def _name_takers(value: str, models: Iterable[Model]) -> str:
    takers = [model.name for model in models if _find_sizes(value, model.sizes)]
    return f"; {', '.join(takers)} would" if takers else ""


def _name_size(size: Size) -> str:
    return f"{_lie(size)}_{min(size)}p"


def _lie(size: Size) -> str:
    if size.width == size.height:
        return "square"
    return "landscape" if size.width > size.height else "portrait"


def _read_focus(option: Option) -> Focus | Literal["auto"]:
    if option.value.lower() == AUTO:
        return AUTO
    allowed = ["center", "top", "bottom", "left", "right", "top-left and the like", "two fractions (0.5 0.3)", AUTO]
    return _parse(option, "focus", Focus.parse, allowed)


def _read_crop(option: Option) -> Crop:
    if option.value.lower() in {"whole", "none"}:
        return WHOLE
    allowed = [
        "left top right bottom as fractions of the picture, each from 0 to 1 (0.1 0 0.9 1)",
        'the same in JSON ({"left_fraction": 0.1})',
        "whole",
    ]
    return _parse(option, "crop", Crop.parse, allowed)


def _read_background(option: Option) -> Color | Literal["auto"]:
    if option.value.lower() == AUTO:
        return AUTO
    return _parse(option, "background", Color.parse, ["black", "white", "six hex digits (336699)", AUTO])


def _read_quality(option: Option) -> int:
    if not _WHOLE_NUMBER.fullmatch(option.value) or not 1 <= int(option.value) <= 100:
        raise RequestRejected("quality", option.value, option.source, ["whole numbers from 1 to 100"])
    return int(option.value)


def _read_prompt(option: Option) -> str:
    if len(option.value) > MAX_PROMPT:
        raise RequestRejected("prompt", option.value, option.source, _PROMPTS)
    return option.value


def _choose(option: Option, field: str, choices: Mapping[str, T], why: str = "") -> T:
    name = _find(option.value, choices)
    if name is None:
        raise RequestRejected(field, option.value, option.source, choices, why=why)
    return choices[name]


def _find(value: str, choices: Mapping[str, Any]) -> str | None:
    """Return the choice that a value names: as it stands, else without regard to case."""
    return value if value in choices else next((name for name in choices if name.lower() == value.lower()), None)


def _parse(option: Option, field: str, read: Callable[[str], T], allowed: Sequence[str]) -> T:
    try:
        return read(option.value)
    except ValueError:
        raise RequestRejected(field, option.value, option.source, allowed) from None
