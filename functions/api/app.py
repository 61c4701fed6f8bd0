"""Invoked by API Gateway: OpenAI's Videos API for any picture, over this stack's pipeline."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from sora_ready.adapters.queues import SubmitQueue, TrackQueue
from sora_ready.entrypoints.api.context import ApiContext, build_context
from sora_ready.entrypoints.api.dispatch import dispatch
from sora_ready.entrypoints.api.routes import ROUTES
from sora_ready.entrypoints.logs import LambdaEvent, bind_context
from sora_ready.entrypoints.settings import ApiSettings

settings = cache(ApiSettings.from_environment)
# A custom domain may map the API under /v1.
app = APIGatewayRestResolver(strip_prefixes=["/v1"])
# Links must be signed for the bucket's own regional address: any other one redirects, which breaks the signature.
S3_CONFIG = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})


def handler(event: LambdaEvent, context: LambdaContext) -> LambdaEvent:
    """Respond to one request."""
    bind_context(context, settings().stack_name)
    return app.resolve(event, context)


def handle(operation: str) -> Callable[..., Response[str]]:
    """Return the route handler of one operation. Path parameters come as keyword arguments."""

    def handle_request(*_: Exception, **path: str) -> Response[str]:
        event, limit, origins = app.current_event.raw_event, settings().max_body_bytes, settings().cors_origins()
        response = dispatch(operation, event, path, get_context, max_body_bytes=limit, allowed_origins=origins)
        return Response(response.status, "application/json", response.to_text(), dict(response.headers))

    return handle_request


@cache
def get_context() -> ApiContext:
    """Connect to the stack, once in each execution environment."""
    return build_context(settings(), boto3.client("s3", config=S3_CONFIG), boto3.client("dynamodb"), open_queues)


def open_queues() -> tuple[SubmitQueue, TrackQueue]:
    """Connect to the queues, for the one operation that sends messages."""
    sqs = boto3.client("sqs")
    return SubmitQueue(sqs, settings().submit_queue_url), TrackQueue(sqs, settings().track_queue_url)


for route in ROUTES:
    app.route(route.path.replace("{", "<").replace("}", ">"), route.method)(handle(route.operation))
app.not_found(handle("unknown"))
