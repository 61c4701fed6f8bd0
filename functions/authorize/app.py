"""Invoked by API Gateway before any other function: checks a request's bearer token."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import boto3

from sora_ready.adapters.bearer_token import BearerToken
from sora_ready.domain.codec import JsonObject
from sora_ready.entrypoints.logs import LambdaContext, LambdaEvent, bind_context, logger
from sora_ready.entrypoints.settings import AuthorizeSettings

settings = cache(AuthorizeSettings.from_environment)


def handler(event: LambdaEvent, context: LambdaContext) -> JsonObject:
    """Return the policy for a token: the whole API, or nothing. API Gateway caches it for a minute."""
    bind_context(context, settings().stack_name)
    kind, _, token = event["authorizationToken"].partition(" ")
    allowed = kind.lower() == "bearer" and bool(token.strip()) and connect().accepts(token.strip())
    if not allowed:
        logger.info("token refused")
    # One policy for all routes: it is cached by token, and the next request may be for another route.
    api_and_stage = "/".join(event["methodArn"].split("/")[:2])
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if allowed else "Deny",
        "Resource": f"{api_and_stage}/*",
    }
    return {"principalId": "bearer", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


@cache
def connect() -> BearerToken:
    """Connect to the stack's secret, once in each execution environment."""
    overlap = timedelta(hours=settings().api_token_overlap_hours)
    return BearerToken(boto3.client("secretsmanager"), settings().api_token_secret, overlap)
