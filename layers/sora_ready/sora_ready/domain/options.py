"""The one table of what a user can ask for.

Each option is declared once, in `OPTIONS`. Tags, metadata, JSON bodies, the API's document, the command line, `make
run`, the stack's defaults and the documentation are derived from it: a new option needs one `OptionSpec`, and the code
that uses its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from sora_ready.domain.catalog import Model
from sora_ready.domain.codec import JsonObject
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import AUTO, MAX_SIDE, WHOLE, Color, Crop, Focus, Format, Mode, Size
from sora_ready.domain.size_names import find_sizes, list_sizes

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# The Videos API's own limit, in characters.
MAX_PROMPT = 32_000
_TEXT: JsonObject = {"type": "string"}
_WHOLE_NUMBER = re.compile(r"\d{1,3}", re.ASCII)


@dataclass(frozen=True)
class Option:
    """A value as given, and its source: `tag`, `metadata`, `body`, `preset`, `model` or `default`."""

    value: str
    source: str


@dataclass(frozen=True)
class Models:
    """What the values of some options depend on: the models by name, and the chosen one."""

    by_name: Mapping[str, Model] = field(default_factory=dict)
    chosen: Model | None = None


NO_MODELS = Models()


class UnusableValue(ValueError):
    """A value that a parser refuses, where what is allowed depends on the models. `why` is a sentence."""

    def __init__(self, allowed: Sequence[str], why: str = "") -> None:
        super().__init__(why)
        self.allowed = allowed
        self.why = why


@dataclass(frozen=True)
class OptionSpec(Generic[T_co]):
    """One thing that a user can ask for.

    `parse` turns text into the value. It raises `ValueError`: `UnusableValue`, or any other if `allowed` says it all.
    `help` is Markdown. `default` is that of the library and the command line, as text. `parameter` is the template
    parameter that holds the stack's default, if there is one; `model_default` replaces such a default where the chosen
    model doesn't support it. `for_video`: the option means nothing for a frame alone.
    """

    name: str
    parse: Callable[[str, Models], T_co]
    allowed: Sequence[str]
    help: str
    schema: JsonObject = field(default_factory=_TEXT.copy)
    default: str = ""
    parameter: str = ""
    other_names: tuple[str, ...] = ()
    model_default: Callable[[Model], str] | None = None
    for_video: bool = False

    def read(self, option: Option, models: Models = NO_MODELS) -> T_co:
        """Return the option's value. Raises `RequestRejected`, with what is allowed."""
        try:
            return self.parse(option.value, models)
        except UnusableValue as refusal:
            allowed, why = refusal.allowed, refusal.why
        except ValueError:
            allowed, why = self.allowed, ""
        raise RequestRejected(self.name, option.value, option.source, allowed, why=why)


def match_choice(text: str, names: Mapping[str, T]) -> T:
    """Return the value that `text` names: exactly, else ignoring case. Raises `ValueError`."""
    matching = [name for name in names if name.lower() == text.lower()]
    if not matching:
        raise ValueError(f"{text!r} is not one of {', '.join(names)}")
    return names[text if text in names else matching[0]]


def one_of(names: Mapping[str, T]) -> Callable[[str, Models], T]:
    """Return the parser of an option whose values are these names."""
    return lambda text, _: match_choice(text, names)


def _or_auto(parse: Callable[[str], T]) -> Callable[[str, Models], T | Literal["auto"]]:
    return lambda text, _: AUTO if text.lower() == AUTO else parse(text)


def _parse_size(text: str, models: Models) -> tuple[Size, ...]:
    """Return the sizes that are left to choose from. Without a chosen model, any one size in pixels is taken."""
    model = models.chosen
    if model is None:
        return (Size.parse(text),)
    sizes = find_sizes(text, model.sizes)
    if not sizes:
        others = [other.name for other in models.by_name.values() if find_sizes(text, other.sizes)]
        hint = f"; {', '.join(others)} would" if others else ""
        raise UnusableValue(list_sizes(model.sizes), f"Model {model.name} takes no such size{hint}.")
    return sizes


def _parse_crop(text: str, _: Models) -> Crop:
    return WHOLE if text.lower() in {"whole", "none"} else Crop.parse(text)


def _parse_quality(text: str, _: Models) -> int:
    if not _WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= 100:
        raise ValueError(f"{text!r} is not a quality")
    return int(text)


def _parse_model(text: str, models: Models) -> Model:
    try:
        return match_choice(text, models.by_name)
    except ValueError:
        raise UnusableValue([*models.by_name]) from None


def _parse_seconds(text: str, models: Models) -> int:
    model = models.chosen
    if model is None or text not in map(str, model.seconds):
        allowed = [str(length) for length in model.seconds] if model else []
        raise UnusableValue(allowed, f"Model {model.name} makes no such length." if model else "")
    return int(text)


def _parse_prompt(text: str, _: Models) -> str:
    if not 1 <= len(text) <= MAX_PROMPT:
        raise ValueError("the prompt is empty or too long")
    return text


PRESETS: Mapping[str, Mapping[str, str]] = {
    "portrait": {"mode": "cover", "focus": "0.5 0.3"},  # eyes are in the upper third
    "landscape": {"mode": "cover", "focus": "auto"},
    "product": {"mode": "pad", "background": "auto"},  # the background continues to the frame's edge
    "art": {"mode": "blur"},  # nothing of a painting is cut off
    "screenshot": {"mode": "pad", "background": "auto", "format": "png"},  # letters stay sharp
}
"""The options that each preset stands for. They take precedence over defaults alone."""

_MODES = {str(mode): mode for mode in Mode}
_FORMATS = {str(kind): kind for kind in Format}
_TEXT_OR_NUMBER: JsonObject = {"type": ["string", "integer"]}
_TEXT_OR_FRACTIONS: JsonObject = {
    "anyOf": [_TEXT, {"type": "array", "items": {"type": ["string", "number"]}}, {"type": "object"}]
}

SIZE = OptionSpec(
    "size",
    _parse_size,
    allowed=[f"any WIDTHxHEIGHT up to {MAX_SIDE}x{MAX_SIDE}"],
    help="A size of the model (`1280x720`; `1280X720` and `1280×720` are read too), `auto` (the model's size that is "
    "nearest in shape, and of sizes of the same shape the smallest), or a name: `landscape_720p`, `portrait`, `720p`, "
    "`youtube`, `tiktok`, `reels`, `shorts`.",
    default=AUTO,
    parameter="DefaultSize",
    model_default=lambda _: AUTO,
)
MODE = OptionSpec(
    "mode",
    one_of(_MODES),
    allowed=[*_MODES],
    help="How a picture of another shape fills the frame. `cover` crops; `pad` shows all, with bars; `blur` shows all, "
    "with the blurred picture in the bars; `stretch` distorts; `auto` is `cover` while that loses under 12 % of the "
    "picture, else `blur`.",
    schema={"type": "string", "enum": [*_MODES]},
    default="cover",
    parameter="DefaultMode",
)
FOCUS = OptionSpec(
    "focus",
    _or_auto(Focus.parse),
    allowed=["center", "top", "bottom", "left", "right", "top-left and the like", "two fractions (0.5 0.3)", AUTO],
    help="What a crop keeps: `center`, `top`, `bottom-left` and the like, two fractions from the top-left (`0.5 0.3`), "
    "or `auto`: what is in focus, in colors that the picture's border doesn't have.",
    schema=_TEXT_OR_FRACTIONS,
    default="center",
    parameter="DefaultFocus",
)
CROP = OptionSpec(
    "crop",
    _parse_crop,
    allowed=[
        "left top right bottom as fractions of the picture, each from 0 to 1 (0.1 0 0.9 1)",
        'the same in JSON ({"left_fraction": 0.1})',
        "whole",
    ],
    help="The part of the picture to use, cut out first: `left top right bottom` as fractions from the top-left "
    '(`0.1 0 0.9 1`), or as JSON, which metadata can hold (`{"left_fraction": 0.1, "right_fraction": 0.9}`).',
    schema=_TEXT_OR_FRACTIONS,
    default="whole",
    other_names=("crop_bounds",),  # Azure's word
)
BACKGROUND = OptionSpec(
    "background",
    _or_auto(Color.parse),
    allowed=["black", "white", "six hex digits (336699)", AUTO],
    help="The color of the bars, and behind transparency: `black`, `white`, six hex digits (`336699`), or `auto`: the "
    "color of the picture's edge. A drawing that could hardly be seen on it gets the opposite.",
    default="black",
    parameter="DefaultBackground",
)
FORMAT = OptionSpec(
    "format",
    one_of(_FORMATS | {"jpg": Format.JPEG}),
    allowed=[*_FORMATS, "jpg"],
    help="How the frame is written: `jpeg`, `png` or `webp`.",
    schema={"type": "string", "enum": [*_FORMATS]},
    default="jpeg",
    parameter="DefaultFormat",
)
QUALITY = OptionSpec(
    "quality",
    _parse_quality,
    allowed=["whole numbers from 1 to 100"],
    help="1 to 100, of a JPEG or WebP. A WebP of 100 is lossless.",
    schema=_TEXT_OR_NUMBER,
    default="95",
    parameter="DefaultQuality",
)
PRESET = OptionSpec(
    "preset",
    one_of(PRESETS),
    allowed=[*PRESETS],
    help="Several options by one name. "
    + "; ".join(
        f"`{preset}`: " + ", ".join(f"{name} `{value}`" for name, value in options.items())
        for preset, options in PRESETS.items()
    )
    + ". Options of the picture's own take precedence.",
    schema={"type": "string", "enum": [*PRESETS]},
)
MODEL = OptionSpec(
    "model",
    _parse_model,
    allowed=["a model of the catalog"],
    help="`sora-2`, `sora-2-pro`, or a model that the parameter `VideoModels` adds. `auto` and the names of sizes mean "
    "its sizes.",
    default="sora-2",
    parameter="DefaultModel",
)
SECONDS = OptionSpec(
    "seconds",
    _parse_seconds,
    allowed=["a length of the model"],
    help="The video's length: `4`, `8`, `12`, `16` or `20`, by model.",
    schema=_TEXT_OR_NUMBER,
    default="4",
    parameter="DefaultSeconds",
    model_default=lambda model: str(model.seconds[0]),
    for_video=True,
)
PROMPT = OptionSpec(
    "prompt",
    _parse_prompt,
    allowed=[f"1 to {MAX_PROMPT} characters"],
    help="What happens in the video. A tag takes 256 characters and no comma, metadata 2 KB, percent-encoded.",
    schema={"type": "string", "minLength": 1, "maxLength": MAX_PROMPT},
    parameter="DefaultPrompt",
    for_video=True,
)

_TABLE: tuple[OptionSpec[object], ...] = (
    *(SIZE, MODE, FOCUS, CROP, BACKGROUND, FORMAT, QUALITY, PRESET),
    *(MODEL, SECONDS, PROMPT),
)

OPTIONS: Mapping[str, OptionSpec[object]] = {spec.name: spec for spec in _TABLE}
"""Every option by its name."""

OTHER_NAMES: Mapping[str, str] = {other: spec.name for spec in OPTIONS.values() for other in spec.other_names}
"""Every other name of an option, and the option that it means."""

OPTION_NAMES = frozenset({*OPTIONS, *OTHER_NAMES})
"""What tags, metadata and JSON bodies may call an option."""

DEFAULTS: Mapping[str, str] = {spec.name: spec.default for spec in OPTIONS.values() if spec.default}
"""The defaults of the library and the command line, as text."""
