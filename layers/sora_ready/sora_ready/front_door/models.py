"""The catalogue, as the API tells it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from sora_ready.domain.catalog import Model
from sora_ready.domain.errors import ResourceNotFound
from sora_ready.front_door.calls import Answer, Call
from sora_ready.front_door.door import Door


def list_models(_call: Call, door: Door) -> Answer:
    """Return every model that can be asked for."""
    return Answer(200, {"object": "list", "data": [_describe(model) for model in door.catalog.models.values()]})


def get_model(call: Call, door: Door) -> Answer:
    """Return one model."""
    # Some servers name models with a slash, which a path can only hold encoded.
    name = unquote(call.path["model"])
    if name not in door.catalog:
        raise ResourceNotFound("model_not_found", f"There is no model {name[:80]!r}.", param="model")
    return Answer(200, _describe(door.catalog[name]))


def _describe(model: Model) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": 0,
        "owned_by": "sora-ready",
        "sizes": [str(size) for size in model.sizes],
        "seconds": [str(length) for length in model.seconds],
        "usd_per_second": {
            str(size): None if price is None else str(price) for size, price in model.usd_per_second.items()
        },
    }
