"""Called through API Gateway: OpenAI's Videos API for any picture, over this stack's pipeline."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from botocore.config import Config

from sora_ready.adapters.queues import SubmitQueue, TrackQueue
from sora_ready.entrypoints.api.context import ApiContext, build_context
from sora_ready.entrypoints.api.dispatch import RequestLimits, dispatch
from sora_ready.entrypoints.api.routes import ROUTES
from sora_ready.entrypoints.settings import ApiSettings

logger = Logger()
settings = cache(ApiSettings.from_environment)
# A domain of one's own may map the API under /v1.
app = APIGatewayRestResolver(strip_prefixes=["/v1"])
# Links are signed for the bucket's address in its own region: any other redirects, and the signature breaks.
OWN_ADDRESS = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Response one call."""
    return app.resolve(event, context)


def answer_with(operation: str) -> Callable[..., Response[str]]:
    """Return what answers the calls of one operation; what its path leaves open comes as arguments."""

    def answer(*_: Exception, **path: str) -> Response[str]:
        limits = RequestLimits(settings().max_body_bytes, settings().cors_origins())
        told = dispatch(operation, app.current_event.raw_event, path, get_context, limits)
        logger.info("answered", operation=operation, status=told.status)
        return Response(told.status, "application/json", told.as_text(), dict(told.headers))

    return answer


@cache
def get_context() -> ApiContext:
    """Connect the front context to this stack, once for each execution environment."""
    s3 = boto3.client("s3", config=OWN_ADDRESS)
    return build_context(settings(), s3, boto3.client("dynamodb"), open_queues)


def open_queues() -> tuple[SubmitQueue, TrackQueue]:
    """Connect the queues, for the one operation that sends messages."""
    sqs = boto3.client("sqs")
    return SubmitQueue(sqs, settings().submit_queue_url), TrackQueue(sqs, settings().track_queue_url)


for route in ROUTES:
    app.route(route.path.replace("{", "<").replace("}", ">"), route.method)(answer_with(route.operation))
app.not_found(answer_with("unknown"))
