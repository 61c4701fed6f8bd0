"""The operations on the catalog's models."""

from __future__ import annotations

from urllib.parse import unquote

from sora_ready.domain.catalog import Model
from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.api.context import ApiContext
from sora_ready.entrypoints.api.errors import ResourceNotFound
from sora_ready.entrypoints.api.http import Request, Response


def list_models(_request: Request, context: ApiContext) -> Response:
    """Return every model of the stack."""
    models = [_describe(model) for model in context.catalog.values()]
    return Response(200, {"object": "list", "data": models})


def get_model(request: Request, context: ApiContext) -> Response:
    """Return one model."""
    # Some servers have model names with a slash, which a path contains percent-encoded.
    name = unquote(request.path["model"])
    if name not in context.catalog:
        raise ResourceNotFound("model_not_found", f"There is no model {name[:80]!r}.", param="model")
    return Response(200, _describe(context.catalog[name]))


def _describe(model: Model) -> JsonObject:
    return {
        "id": model.name,
        "object": "model",
        "created": 0,
        "owned_by": "sora-ready",
        "sizes": [str(size) for size in model.sizes],
        "seconds": [str(seconds) for seconds in model.seconds],
        "usd_per_second": {
            str(size): None if price is None else str(price) for size, price in model.usd_per_second.items()
        },
    }
