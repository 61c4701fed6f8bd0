"""Whether a call can have what it asks for, and a job is that: an upload is one job, and that has one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import Size
from sora_ready.domain.job import Job
from sora_ready.domain.request import (
    Option,
    apply_preset,
    fit_defaults,
    merge_options,
    parse_frame_options,
    parse_request,
)

if TYPE_CHECKING:
    from sora_ready.domain.catalog import Catalog

# Whatever the picture says itself goes before what a call says, so the call would have made no difference.
_OF_THE_PICTURE = frozenset({"tag", "metadata"})


def read_body(fields: Mapping[str, Any], defaults: Mapping[str, str], catalog: Catalog) -> dict[str, str]:
    """Return what a body asks for, as text. Raises `RequestRejected` where no video could be made of it."""
    options = merge_options([("body", fields), ("default", defaults)])
    parse_request(fit_defaults(apply_preset(options), catalog), catalog)
    return {name: option.value for name, option in options.items() if option.source == "body"}


def validate_options(options: Mapping[str, Option], defaults: Mapping[str, str], catalog: Catalog) -> None:
    """Raise `RequestRejected` where what a call asks for can be had of no model, before its picture is looked at.

    A call that names no model may mean any: the picture's own tags, which go before, may name one.
    """
    given = {field: Option(value, "default") for field, value in defaults.items()} | dict(options)
    models = [given["model"]]
    if "model" not in options:
        models += [Option(name, "default") for name in catalog.models]
    refusals = []
    for model in models:
        try:
            parse_request(fit_defaults(apply_preset(given | {"model": model}), catalog), catalog)
        except RequestRejected as refusal:
            refusals.append(refusal)
        else:
            return
    raise refusals[0]


def find_conflicts(job: Job, options: Mapping[str, Option]) -> list[str]:
    """Return the fields in which the job would be another, had it been made with these options of a call."""
    return [
        field
        for field, option in options.items()
        if job.option_sources.get(field) not in _OF_THE_PICTURE
        and _understand(field, option.value) != _understand(field, _made_with(field, job))
    ]


def _made_with(field: str, job: Job) -> str | None:
    """Return what the job was made with; of a size, what was asked for, as `auto` becomes the picture's own."""
    if job.request is None:
        return job.options.get(field)
    value = getattr(job.request, "requested_size" if field == "size" else field)
    return str(value) if value != "" else None


def _understand(field: str, value: str | None) -> str | None:
    """Return a value in the one way it is written, so that `#ABCDEF` and `abcdef` are the same color."""
    if value is None or field == "prompt":
        return value
    try:
        if field == "size":
            return str(Size.parse(value))
        if field not in {"model", "seconds", "preset"}:
            return str(getattr(parse_frame_options({field: Option(value, "body")}), field))
    except (RequestRejected, ValueError):
        # A name, such as landscape_720p, or what the job was rejected for.
        return value.lower()
    return value.lower()
