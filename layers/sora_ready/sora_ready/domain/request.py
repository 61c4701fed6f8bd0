"""What a user asks of one picture: merged from its sources, completed, and parsed.

Each option comes from an object's tags, else its metadata, else a JSON body, else the stack's defaults. One parser
reads them all, so a value means the same wherever it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote

from sora_ready.domain import options as table
from sora_ready.domain.catalog import Catalog
from sora_ready.domain.codec import JsonValue, encode_fields
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import FrameOptions, Size
from sora_ready.domain.job import Job
from sora_ready.domain.options import NO_MODELS, OPTIONS, OTHER_NAMES, Models, Option, OptionSpec

T = TypeVar("T")

_PERCENT_ENCODED = re.compile(r"%(?![0-9a-fA-F]{2})")
# Replaces a JSON value that cannot be written as text, in a refusal. No option takes it.
_UNREADABLE = "(unreadable)"
# A picture's own options take precedence over an invocation's, so the invocation would have made no difference.
_OF_THE_PICTURE = frozenset({"tag", "metadata"})


@dataclass(frozen=True)
class VideoRequest:
    """Parsed options. The one of `sizes` that is nearest in shape to the picture is its frame's size."""

    model: str
    sizes: tuple[Size, ...]
    frame_options: FrameOptions
    seconds: int
    prompt: str


def merge_options(sources: Sequence[tuple[str, Mapping[str, JsonValue]]]) -> dict[str, Option]:
    """Return each option from the first of `sources` (source, values) that has it. Unknown names are ignored.

    Names match exactly, else ignoring case. An empty value and null count as not given. JSON numbers, lists and
    objects are read as if they were written into a tag. Raises `RequestRejected` for a prompt that is not text; any
    other unusable value is refused when it is parsed.
    """
    options: dict[str, Option] = {}
    for source, values in sources:
        blank = {
            name for name, value in values.items() if value is None or (isinstance(value, str) and not value.strip())
        }
        given = {name: value for name, value in values.items() if name not in blank}
        by_name = {name.strip().lower(): value for name, value in given.items()} | given
        by_name = {OTHER_NAMES[name]: value for name, value in by_name.items() if name in OTHER_NAMES} | by_name
        for spec in OPTIONS.values():
            if spec.name in by_name and spec.name not in options:
                options[spec.name] = _to_option(spec, by_name[spec.name], source)
    return options


def apply_preset(options: Mapping[str, Option]) -> dict[str, Option]:
    """Return the options with those of the preset, if one is given, in place of defaults. Their source is `preset`.

    Raises `RequestRejected` if there is no such preset.
    """
    preset = table.PRESET.read(options[table.PRESET.name]) if table.PRESET.name in options else {}
    return dict(options) | {
        name: Option(value, "preset")
        for name, value in preset.items()
        if name not in options or options[name].source == "default"
    }


def apply_model_defaults(options: Mapping[str, Option], catalog: Catalog) -> dict[str, Option]:
    """Return the options with the model's own default (source `model`) for each default that it doesn't support."""
    try:
        model = _read(table.MODEL, options, Models(catalog))
    except RequestRejected:
        return dict(options)
    completed = dict(options)
    for spec in OPTIONS.values():
        option = options.get(spec.name)
        if spec.model_default and option and option.source == "default":
            try:
                spec.read(option, Models(catalog, model))
            except RequestRejected:
                completed[spec.name] = Option(spec.model_default(model), "model")
    return completed


def parse_request(options: Mapping[str, Option], catalog: Catalog) -> VideoRequest:
    """Return the request that these options make. Raises `RequestRejected`."""
    model = _read(table.MODEL, options, Models(catalog))
    models = Models(catalog, model)
    for spec in OPTIONS.values():
        # Also those that no field below holds.
        if spec.name in options:
            spec.read(options[spec.name], models)
    return VideoRequest(
        model=model.name,
        sizes=_read(table.SIZE, options, models),
        frame_options=parse_frame_options(options),
        seconds=_read(table.SECONDS, options, models),
        prompt=_read(table.PROMPT, options),
    )


def parse_frame_options(options: Mapping[str, Option]) -> FrameOptions:
    """Return how the frame is made. Raises `RequestRejected`."""
    return FrameOptions(
        mode=_read(table.MODE, options),
        focus=_read(table.FOCUS, options),
        crop=_read(table.CROP, options),
        background=_read(table.BACKGROUND, options),
        format=_read(table.FORMAT, options),
        quality=_read(table.QUALITY, options),
    )


def parse_body(fields: Mapping[str, JsonValue], defaults: Mapping[str, str], catalog: Catalog) -> dict[str, str]:
    """Return the options of a JSON body, as text. Raises `RequestRejected` if no video can be made with them."""
    options = merge_options([("body", fields), ("default", defaults)])
    parse_request(apply_model_defaults(apply_preset(options), catalog), catalog)
    return {name: option.value for name, option in options.items() if option.source == "body"}


def validate_options(options: Mapping[str, Option], defaults: Mapping[str, str], catalog: Catalog) -> None:
    """Raise `RequestRejected` if no model can make a video with these options.

    Options that name no model may suit any: the picture's tags, which take precedence, may name one.
    """
    completed = merge_options([("default", defaults)]) | dict(options)
    models = [completed[table.MODEL.name]]
    if table.MODEL.name not in options:
        models += [Option(name, "default") for name in catalog]
    refusals = []
    for model in models:
        try:
            parse_request(apply_model_defaults(apply_preset(completed | {table.MODEL.name: model}), catalog), catalog)
        except RequestRejected as refusal:
            refusals.append(refusal)
        else:
            return
    raise refusals[0]


def request_conflicts(job: Job, options: Mapping[str, Option]) -> list[str]:
    """Return the names of the options with which the job would have become another one."""
    made = {**job.options, **(encode_fields(job.request) if job.request else {})}
    # The size as it was given: `auto` becomes one of the model's.
    made[table.SIZE.name] = made.get("requested_size", made.get(table.SIZE.name))
    return [
        name
        for name, option in options.items()
        if job.option_sources.get(name) not in _OF_THE_PICTURE
        and (made.get(name) is None or _meaning(name, option.value) != _meaning(name, str(made[name])))
    ]


def decode_metadata(value: str) -> str:
    """Return a metadata value with percent-encoded UTF-8 decoded. Any other value, such as `100% sharp`, is unchanged.

    S3 metadata is ASCII, so other text is percent-encoded.
    """
    if "%" not in value or _PERCENT_ENCODED.search(value):
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return value


def _read(spec: OptionSpec[T], options: Mapping[str, Option], models: Models = NO_MODELS) -> T:
    return spec.read(options.get(spec.name) or Option(spec.default, "default"), models)


def _meaning(name: str, value: str) -> object:
    """Return what tells a value from another one: `#ABCDEF` and `abcdef` are the same color."""
    try:
        return OPTIONS[name].parse(value, NO_MODELS)
    except ValueError:
        # It depends on the model, or it is what the job was rejected for.
        return value.lower()


def _to_option(spec: OptionSpec[object], value: JsonValue, source: str) -> Option:
    text = _to_text(value)
    # Any other option takes a few words only; a prompt takes any text, and would be paid for with its brackets.
    if spec is table.PROMPT and (text is None or not isinstance(value, str)):
        raise RequestRejected(spec.name, text or _UNREADABLE, source, spec.allowed)
    return Option(_UNREADABLE if text is None else text, source)


def _to_text(value: JsonValue) -> str | None:
    """Return a JSON value as it is written into a tag, None if it cannot be written."""
    try:
        if isinstance(value, str):
            return value.strip().encode().decode()
        # JSON has one kind of number: its 95.0 is 95.
        return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
    except (ValueError, RecursionError):  # half a surrogate pair, thousands of digits, lists nested too deep
        return None
