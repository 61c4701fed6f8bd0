"""The catalog, as the API tells it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from sora_ready.domain.catalog import Model
from sora_ready.domain.errors import ResourceNotFound
from sora_ready.entrypoints.api.context import ApiContext
from sora_ready.entrypoints.api.http import Request, Response


def list_models(_call: Request, context: ApiContext) -> Response:
    """Return every model that can be asked for."""
    return Response(200, {"object": "list", "data": [_describe(model) for model in context.catalog.models.values()]})


def get_model(call: Request, context: ApiContext) -> Response:
    """Return one model."""
    # Some servers name models with a slash, which a path can only hold encoded.
    name = unquote(call.path["model"])
    if name not in context.catalog:
        raise ResourceNotFound("model_not_found", f"There is no model {name[:80]!r}.", param="model")
    return Response(200, _describe(context.catalog[name]))


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
