"""The one place that reads the environment: a validated settings class for each function.

A validation library would do this too; it costs more at cold start than all of this package's other imports.
For the same reason the classes have no comparison and no text form, which nobody uses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from typing import Any, Self, get_type_hints
from urllib.parse import urlsplit

from sora_ready.domain.errors import SettingsError

_DOLLARS = re.compile(r"\d{1,7}(\.\d{1,4})?", re.ASCII)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class _Settings:
    """Reads each field from the variable of its name in capitals. Raises `SettingsError` naming the variable."""

    stack_name: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every field; the process's environment is the default."""
        given = os.environ if environment is None else environment
        kinds = get_type_hints(cls)
        return cls(**{entry.name: _read(given, entry, kinds[entry.name]) for entry in fields(cls)})


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DefaultsSettings(_Settings):
    """The stack's default of each option that has a template parameter, and the models beside the bundled catalog's.

    The default of `size` is read from DEFAULT_SIZE, and so on.
    """

    defaults: Mapping[str, str]
    video_models: str = ""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FrameSettings(DefaultsSettings):
    """What making a frame of a picture needs to know. Sizes are in bytes.

    The timeout of a decode outlives the functions (60 s): once it is over, no decode can still be running. It is over
    before a message comes back (360 s).
    """

    jobs_table: str
    output_bucket: str
    max_source_bytes: int = 100_000_000
    decode_timeout_seconds: int = 90


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NormalizeSettings(FrameSettings):
    """What `normalize` needs to know."""

    max_receives: int


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BackfillSettings(FrameSettings):
    """What `backfill` needs to know: the bucket whose pictures it processes, too."""

    upload_bucket: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LedgerSettings(_Settings):
    """What `submit`, `track` and `sweep` need to know. Sizes are in bytes, budgets in US dollars a day."""

    jobs_table: str
    ledger_table: str
    track_queue_url: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VideoServerSettings(LedgerSettings):
    """Which video server, and the secret that holds its key. The timeout, in seconds, is for one response."""

    output_bucket: str
    max_receives: int
    video_api_base_url: str
    video_api_key_secret: str
    video_api_timeout_seconds: int = 60

    def __post_init__(self) -> None:
        """Raise `SettingsError` if the URL is not http(s), or may contain a secret."""
        if not _is_plain_url(self.video_api_base_url):
            expected = "the address of a Videos API such as https://videos.example.com/v1, without a key in it"
            raise _invalid("VIDEO_API_BASE_URL", expected)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SubmitSettings(VideoServerSettings):
    """What `submit` needs to know.

    A lease outlives the function (120 s): once it is over, no worker can still be sending.
    """

    submit_queue_url: str
    daily_budget_usd: Decimal
    lease_seconds: int = 180


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrackSettings(VideoServerSettings):
    """What `track` needs to know. The deadline counts from when the server's video was recorded."""

    max_video_bytes: int = 400_000_000
    track_deadline_minutes: int = 120


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SweepSettings(LedgerSettings):
    """What `sweep` needs to know."""

    normalize_queue_url: str
    submit_queue_url: str
    daily_budget_usd: Decimal
    sweep_limit: int = 500


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PublishSettings(_Settings):
    """What `publish` needs to know: the names of the event bus it publishes on and of its stack."""

    event_bus: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ApiSettings(DefaultsSettings):
    """What `api` needs to know. Sizes are in bytes; a body reaches the function as base64, within Lambda's 6 MB."""

    jobs_table: str
    ledger_table: str
    upload_bucket: str
    output_bucket: str
    submit_queue_url: str
    track_queue_url: str
    upload_prefix: str = ""
    api_cors_origins: str = ""
    max_body_bytes: int = 4_500_000
    max_source_bytes: int = 100_000_000

    def cors_origins(self) -> frozenset[str]:
        """The origins whose pages may call the API."""
        return frozenset(origin.strip().rstrip("/") for origin in self.api_cors_origins.split(",") if origin.strip())


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AuthorizeSettings(_Settings):
    """What `authorize` needs to know: the secret that holds the token, and how long the previous token stays valid."""

    api_token_secret: str
    api_token_overlap_hours: int = field(metadata={"least": 0})


def _read(given: Mapping[str, str], entry: Any, kind: type) -> Any:
    if entry.name == "defaults":
        from sora_ready.domain.options import OPTIONS  # noqa: PLC0415 - functions without options start without it

        return {
            spec.name: _read_text(given, f"DEFAULT_{spec.name.upper()}") for spec in OPTIONS.values() if spec.parameter
        }
    variable = entry.name.upper()
    if entry.default is not MISSING and not given.get(variable, "").strip():
        return entry.default
    value = _read_text(given, variable)
    least = entry.metadata.get("least", 1)
    if kind is int and (not (value.isascii() and value.isdecimal()) or int(value) < least):
        raise _invalid(variable, f"a number above {least - 1}")
    if kind is Decimal and not _DOLLARS.fullmatch(value):
        raise _invalid(variable, "an amount in US dollars such as 25.00")
    return kind(value) if kind in {int, Decimal} else value


def _read_text(given: Mapping[str, str], variable: str) -> str:
    value = given.get(variable, "").strip()
    if not value:
        message = f"The variable {variable} is not set. The stack's template sets it."
        raise SettingsError("setting_missing", message, variable=variable)
    return value


def _invalid(variable: str, expected: str) -> SettingsError:
    return SettingsError("setting_invalid", f"The variable {variable} must be {expected}.", variable=variable)


def _is_plain_url(value: str) -> bool:
    """Tell whether this is an http(s) address of a host, with nothing in it that may be a secret."""
    if any(character.isspace() or character in "@?#" for character in value):
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0)
    except ValueError:
        return False
