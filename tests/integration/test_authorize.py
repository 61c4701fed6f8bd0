"""The authorizer: the current token is accepted, the previous one for a while, and no other."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from sora_ready.adapters.bearer_token import BearerToken

from .api_requests import CONTEXT
from .function_modules import Load
from .log_capture import LogOutput
from .stack_fixtures import TOKEN, AwsCalls, Clock, Stack, load_event

NEW, THIRD = "n" * 48, "t" * 48


def effect(load: Load, header: str) -> str:
    event = load_event("authorize-token.json") | {"authorizationToken": header}
    [statement] = load("authorize").handler(event, CONTEXT)["policyDocument"]["Statement"]
    return str(statement["Effect"])


def test_the_policy_is_for_every_route_of_the_stage(stack: Stack, load: Load) -> None:
    policy = load("authorize").handler(load_event("authorize-token.json"), CONTEXT)
    [statement] = policy["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/v1/*",
    }
    assert policy["principalId"] == "bearer"


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Bearer  {TOKEN} "])
def test_the_token_is_accepted(stack: Stack, load: Load, header: str) -> None:
    assert effect(load, header) == "Allow"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN.lower()}",
        f"Bearer {TOKEN} {TOKEN}",
        "Bearer \ud800",
        "Bearer ü" + TOKEN,
    ],
)
def test_anything_else_is_refused(stack: Stack, load: Load, header: str) -> None:
    assert effect(load, header) == "Deny"


def test_no_token_is_logged(stack: Stack, load: Load, log_output: LogOutput) -> None:
    effect(load, "Bearer wrong-but-secret-token")
    logged = log_output()
    assert "token refused" in logged
    assert "wrong-but-secret" not in logged


# ---------------------------------------------------------------- rotation


class Secret:
    """A secret in Secrets Manager: its current value, the previous one, and when the current one was created."""

    def __init__(self, clock: Clock, value: str) -> None:
        self.clock, self.values, self.created, self.calls = clock, [value], clock(), 0

    def put(self, value: str) -> None:
        self.values = [value, self.values[0]]
        self.created = self.clock()

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> dict[str, Any]:  # noqa: N803
        from botocore.exceptions import ClientError

        self.calls += 1
        index = {"AWSCURRENT": 0, "AWSPREVIOUS": 1}[VersionStage]
        if index >= len(self.values):
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": self.values[index], "CreatedDate": self.created}


@pytest.fixture
def secret(clock: Clock) -> Secret:
    return Secret(clock, TOKEN)


def open_token(secret: Secret, hours: int = 24) -> BearerToken:
    return BearerToken(secret, "api-token", timedelta(hours=hours), secret.clock)  # type: ignore[arg-type]


def test_a_new_token_is_accepted_within_a_minute_and_the_previous_one_for_a_day(secret: Secret, clock: Clock) -> None:
    token = open_token(secret)
    assert token.accepts(TOKEN)
    secret.put(NEW)
    clock.advance(minutes=1)
    assert (token.accepts(NEW), token.accepts(TOKEN)) == (True, True)
    clock.advance(hours=23, minutes=58)
    assert (token.accepts(NEW), token.accepts(TOKEN)) == (True, True)
    clock.advance(minutes=1)
    assert (token.accepts(NEW), token.accepts(TOKEN)) == (True, False)


def test_an_overlap_ends_between_two_reads(secret: Secret, clock: Clock) -> None:
    secret.put(NEW)
    token = open_token(secret, hours=1)
    clock.advance(minutes=59, seconds=30)
    assert token.accepts(TOKEN)
    clock.advance(seconds=30)
    assert not token.accepts(TOKEN)
    assert secret.calls == 2


def test_without_an_overlap_only_the_new_token_is_accepted(secret: Secret) -> None:
    secret.put(NEW)
    token = open_token(secret, hours=0)
    assert (token.accepts(NEW), token.accepts(TOKEN)) == (True, False)


def test_a_token_of_two_rotations_ago_is_refused(secret: Secret) -> None:
    secret.put(NEW)
    secret.put(THIRD)
    assert [open_token(secret).accepts(token) for token in (THIRD, NEW, TOKEN)] == [True, True, False]


def test_the_secret_is_read_once_a_minute_at_most(secret: Secret, clock: Clock) -> None:
    token = open_token(secret)
    for _ in range(50):
        token.accepts("wrong" * 8)
    assert secret.calls == 2  # the current one, and that there is no previous one
    clock.advance(minutes=1)
    token.accepts(TOKEN)
    assert secret.calls == 4


@pytest.mark.parametrize("value", ["", "  \n"])
def test_an_empty_secret_accepts_no_token(clock: Clock, value: str) -> None:
    token = open_token(Secret(clock, value))
    assert [token.accepts(shown) for shown in ("", " ", value)] == [False] * 3


def test_both_tokens_are_compared_even_if_the_first_matches(secret: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = Mock(wraps=hmac.compare_digest)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    secret.put(NEW)
    token = open_token(secret)
    for shown in (NEW, TOKEN, "wrong"):
        token.accepts(shown)
    assert compare.call_count == 6


def test_a_rotation_in_moto_works_as_in_aws(aws: dict[str, Any], every_call: AwsCalls) -> None:
    client = aws["secretsmanager"]
    client.create_secret(Name="rotating", SecretString=TOKEN)
    client.put_secret_value(SecretId="rotating", SecretString=NEW)
    token = BearerToken(client, "rotating", timedelta(hours=1))
    assert [token.accepts(shown) for shown in (NEW, TOKEN, THIRD)] == [True, True, False]
