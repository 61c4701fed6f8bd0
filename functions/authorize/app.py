"""Called by API Gateway before any other function: checks the bearer token of a call."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from sora_ready.adapters.bearer_token import BearerToken
from sora_ready.entrypoints.settings import AuthorizeSettings

logger = Logger()


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return the policy for whoever shows this token: all of the API, or nothing. API Gateway keeps it for a minute."""
    kind, _, token = event["authorizationToken"].partition(" ")
    allowed = kind.lower() == "bearer" and bool(token.strip()) and connect().accepts(token.strip())
    if not allowed:
        logger.info("a call was turned away")
    # One policy for every route: it is kept by token, and the next call may be another.
    api_and_stage = "/".join(event["methodArn"].split("/")[:2])
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if allowed else "Deny",
        "Resource": f"{api_and_stage}/*",
    }
    return {"principalId": "bearer", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


@cache
def connect() -> BearerToken:
    """Connect to the stack's secret, once for each execution environment."""
    settings = AuthorizeSettings.from_environment()
    overlap = timedelta(hours=settings.api_token_overlap_hours)
    return BearerToken(boto3.client("secretsmanager"), settings.api_token_secret, overlap)
