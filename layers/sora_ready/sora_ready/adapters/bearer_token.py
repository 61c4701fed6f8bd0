"""The token that opens the API: a secret that can be rotated with an overlap."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# A rotation is heard of this much later, and as much again until API Gateway forgets an answer.
READ_EVERY = timedelta(minutes=1)
# Compared with where there is no earlier token: no text has this digest.
_NONE = b"\0" * hashlib.sha256().digest_size


class BearerToken:
    """The current token and, for `overlap` after a rotation, the one before it. `now` is the clock."""

    def __init__(
        self,
        client: SecretsManagerClient,
        secret: str,
        overlap: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._secret = secret
        self._overlap = overlap
        self._now = now
        self._read_at: datetime | None = None
        self._digests: tuple[bytes, bytes] = (_NONE, _NONE)
        self._earlier_until = datetime.min.replace(tzinfo=UTC)

    def accepts(self, token: str) -> bool:
        """Tell whether `token` is the current one, or the one before and still good. Any takes as long as any other."""
        now = self._now()
        if self._read_at is None or now - self._read_at >= READ_EVERY:
            self._read(now)
        given = hashlib.sha256(token.encode(errors="replace")).digest()
        current = hmac.compare_digest(given, self._digests[0])
        earlier = hmac.compare_digest(given, self._digests[1])
        return current | (earlier & (now < self._earlier_until))

    def _read(self, now: datetime) -> None:
        answer = self._client.get_secret_value(SecretId=self._secret, VersionStage="AWSCURRENT")
        self._earlier_until = answer["CreatedDate"].astimezone(UTC) + self._overlap
        earlier = self._read_earlier() if now < self._earlier_until else None
        self._digests = (_digest(answer["SecretString"]), _digest(earlier))
        self._read_at = now

    def _read_earlier(self) -> str | None:
        try:
            return self._client.get_secret_value(SecretId=self._secret, VersionStage="AWSPREVIOUS")["SecretString"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None


def _digest(token: str | None) -> bytes:
    # An empty secret opens nothing.
    return hashlib.sha256(token.strip().encode()).digest() if token and token.strip() else _NONE
