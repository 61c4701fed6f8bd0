"""The API's bearer token: a secret that is rotated with an overlap."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sora_ready.adapters.aws_errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# A rotation takes effect within this time, plus the time for which API Gateway caches the authorizer's result.
READ_INTERVAL = timedelta(minutes=1)
# The digest of no token: no text has it.
_NO_DIGEST = b"\0" * hashlib.sha256().digest_size


class BearerToken:
    """The current token and, for `overlap` after a rotation, the previous one. `now` is the clock."""

    def __init__(
        self,
        client: SecretsManagerClient,
        secret_id: str,
        overlap: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._secret_id = secret_id
        self._overlap = overlap
        self._now = now
        self._read_at: datetime | None = None
        self._digests: tuple[bytes, bytes] = (_NO_DIGEST, _NO_DIGEST)
        self._previous_until = datetime.min.replace(tzinfo=UTC)

    def accepts(self, token: str) -> bool:
        """Tell whether `token` is the current one, or the previous one within the overlap, in constant time."""
        now = self._now()
        if self._read_at is None or now - self._read_at >= READ_INTERVAL:
            self._read(now)
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        current = hmac.compare_digest(digest, self._digests[0])
        previous = hmac.compare_digest(digest, self._digests[1])
        return current | (previous & (now < self._previous_until))

    def _read(self, now: datetime) -> None:
        current = self._client.get_secret_value(SecretId=self._secret_id, VersionStage="AWSCURRENT")
        self._previous_until = current["CreatedDate"].astimezone(UTC) + self._overlap
        previous = self._read_previous() if now < self._previous_until else ""
        self._digests = (_digest(current["SecretString"]), _digest(previous))
        self._read_at = now

    def _read_previous(self) -> str:
        try:
            return self._client.get_secret_value(SecretId=self._secret_id, VersionStage="AWSPREVIOUS")["SecretString"]
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            return ""


def _digest(token: str) -> bytes:
    # An empty secret is no token.
    return hashlib.sha256(token.strip().encode()).digest() if token.strip() else _NO_DIGEST
