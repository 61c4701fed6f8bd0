"""Each function's settings, read from its environment, and the error for a variable that is missing or invalid."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import SettingsError
from sora_ready.domain.frame import FrameOptions
from sora_ready.domain.options import OPTIONS
from sora_ready.domain.request import merge_options, parse_request
from sora_ready.entrypoints.settings import (
    BackfillSettings,
    NormalizeSettings,
    PublishSettings,
    SubmitSettings,
    SweepSettings,
    TrackSettings,
)

NORMALIZE = {
    "STACK_NAME": "sora-ready",
    "JOBS_TABLE": "jobs",
    "OUTPUT_BUCKET": "outputs",
    "DEFAULT_SIZE": "auto",
    "DEFAULT_MODE": "cover",
    "DEFAULT_FOCUS": "center",
    "DEFAULT_BACKGROUND": "black",
    "DEFAULT_FORMAT": "jpeg",
    "DEFAULT_QUALITY": "95",
    "DEFAULT_MODEL": "sora-2",
    "DEFAULT_SECONDS": "4",
    "DEFAULT_PROMPT": "gentle motion",
    "MAX_RECEIVES": "3",
}
BACKFILL = {name: value for name, value in NORMALIZE.items() if name != "MAX_RECEIVES"} | {"UPLOAD_BUCKET": "uploads"}
VIDEO_API = {
    "STACK_NAME": "sora-ready",
    "VIDEO_API_BASE_URL": "https://videos.example.com/v1",
    "VIDEO_API_KEY_SECRET": "arn:aws:secretsmanager:eu-central-1:1:secret:key",
    "JOBS_TABLE": "jobs",
    "LEDGER_TABLE": "ledger",
    "OUTPUT_BUCKET": "outputs",
    "TRACK_QUEUE_URL": "https://sqs.example.com/track",
    "MAX_RECEIVES": "5",
}
SUBMIT = VIDEO_API | {"SUBMIT_QUEUE_URL": "https://sqs.example.com/submit", "DAILY_BUDGET_USD": "25"}
TRACK = VIDEO_API
SWEEP = {
    "STACK_NAME": "sora-ready",
    "JOBS_TABLE": "jobs",
    "LEDGER_TABLE": "ledger",
    "NORMALIZE_QUEUE_URL": "https://sqs.example.com/normalize",
    "SUBMIT_QUEUE_URL": "https://sqs.example.com/submit",
    "TRACK_QUEUE_URL": "https://sqs.example.com/track",
    "DAILY_BUDGET_USD": "25",
}
PUBLISH = {"EVENT_BUS": "default", "STACK_NAME": "sora-ready"}

GIVEN: list[tuple[Any, dict[str, str]]] = [
    (NormalizeSettings, NORMALIZE),
    (BackfillSettings, BACKFILL),
    (SubmitSettings, SUBMIT),
    (TrackSettings, TRACK),
    (SweepSettings, SWEEP),
    (PublishSettings, PUBLISH),
]
REQUIRED = [(kind, given, variable) for kind, given in GIVEN for variable in given]
NUMBERS = [
    (NormalizeSettings, NORMALIZE, "MAX_SOURCE_BYTES", 100_000_000),
    (NormalizeSettings, NORMALIZE, "DECODE_TIMEOUT_SECONDS", 90),
    (SubmitSettings, SUBMIT, "VIDEO_API_TIMEOUT_SECONDS", 60),
    (SubmitSettings, SUBMIT, "LEASE_SECONDS", 180),
    (TrackSettings, TRACK, "VIDEO_API_TIMEOUT_SECONDS", 60),
    (TrackSettings, TRACK, "MAX_VIDEO_BYTES", 400_000_000),
    (TrackSettings, TRACK, "TRACK_DEADLINE_MINUTES", 120),
    (SweepSettings, SWEEP, "SWEEP_LIMIT", 500),
]
RECEIVES = [(NormalizeSettings, NORMALIZE), (SubmitSettings, SUBMIT), (TrackSettings, TRACK)]
BUDGETED = [(SubmitSettings, SUBMIT), (SweepSettings, SWEEP)]


def refuse(kind: Any, environment: dict[str, str]) -> SettingsError:
    with pytest.raises(SettingsError) as refusal:
        kind.from_environment(environment)
    return refusal.value


def describe(error: SettingsError) -> str:
    """Return everything that a log or a record shows of an error."""
    return f"{error} {error!r} {json.dumps(error.to_job_error().to_record())} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize(("kind", "given", "variable"), REQUIRED)
def test_every_variable_is_read(kind: Any, given: dict[str, str], variable: str) -> None:
    settings = kind.from_environment(given)

    name = variable.lower()
    value = settings.defaults[name.removeprefix("default_")] if "default_" in name else getattr(settings, name)
    assert str(value) == given[variable]


@pytest.mark.parametrize(("kind", "given"), GIVEN)
def test_the_processs_own_environment_is_read(
    kind: Any, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)

    assert vars(kind.from_environment()) == vars(kind.from_environment(given))


@pytest.mark.parametrize("value", [None, "", "   "])
@pytest.mark.parametrize(("kind", "given", "variable"), REQUIRED)
def test_a_variable_that_is_missing_is_named(
    kind: Any, given: dict[str, str], variable: str, value: str | None
) -> None:
    environment = {name: said for name, said in given.items() if name != variable}
    if value is not None:
        environment[variable] = value

    refusal = refuse(kind, environment)

    assert refusal.code == "setting_missing"
    assert refusal.facts == {"variable": variable}
    assert variable in refusal.message


@pytest.mark.parametrize(("kind", "given", "variable", "default"), NUMBERS)
def test_a_number_has_a_default_and_can_be_set(kind: Any, given: dict[str, str], variable: str, default: int) -> None:
    assert getattr(kind.from_environment(given), variable.lower()) == default
    assert getattr(kind.from_environment(given | {variable: " 77 "}), variable.lower()) == 77


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1e3", "hunter2", "²"])
@pytest.mark.parametrize(("kind", "given", "variable", "default"), NUMBERS)
def test_an_invalid_number_is_refused_by_its_variables_name(
    kind: Any, given: dict[str, str], variable: str, default: int, value: str
) -> None:
    refusal = refuse(kind, given | {variable: value})

    assert (refusal.code, refusal.facts) == ("setting_invalid", {"variable": variable})
    assert variable in refusal.message


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "three"])
@pytest.mark.parametrize(("kind", "given"), RECEIVES)
def test_max_receives_must_be_a_number(kind: Any, given: dict[str, str], value: str) -> None:
    assert refuse(kind, given | {"MAX_RECEIVES": value}).facts == {"variable": "MAX_RECEIVES"}


@pytest.mark.parametrize("value", ["0", "12.50", "0.0001", "9999999"])
@pytest.mark.parametrize(("kind", "given"), BUDGETED)
def test_a_budget_is_read_to_the_cent(kind: Any, given: dict[str, str], value: str) -> None:
    assert kind.from_environment(given | {"DAILY_BUDGET_USD": value}).daily_budget_usd == Decimal(value)


@pytest.mark.parametrize("value", ["-1", "1e3", "$5", "5,00", "NaN", "Infinity", ".5", "5.", "12345678", "٣"])
@pytest.mark.parametrize(("kind", "given"), BUDGETED)
def test_an_invalid_budget_is_refused_by_its_variables_name(kind: Any, given: dict[str, str], value: str) -> None:
    refusal = refuse(kind, given | {"DAILY_BUDGET_USD": value})

    assert (refusal.code, refusal.facts) == ("setting_invalid", {"variable": "DAILY_BUDGET_USD"})


def test_no_model_is_added_by_default() -> None:
    assert NormalizeSettings.from_environment(NORMALIZE).video_models == ""
    assert NormalizeSettings.from_environment(NORMALIZE | {"VIDEO_MODELS": "{}"}).video_models == "{}"


def test_the_stack_has_a_default_for_every_option_but_those_that_only_a_picture_can_have() -> None:
    # A crop belongs to one picture; a preset among the defaults would take precedence over the defaults beside it.
    assert set(NormalizeSettings.from_environment(NORMALIZE).defaults) == set(OPTIONS) - {"crop", "preset"}


@pytest.mark.parametrize("variable", [variable for variable in NORMALIZE if variable.startswith("DEFAULT_")])
def test_a_default_is_its_variables_value(variable: str) -> None:
    name = variable.removeprefix("DEFAULT_").lower()

    assert NormalizeSettings.from_environment(NORMALIZE | {variable: "mine"}).defaults[name] == "mine"


def test_a_stacks_defaults_can_be_parsed() -> None:
    options = merge_options([("default", NormalizeSettings.from_environment(NORMALIZE).defaults)])

    request = parse_request(options, load_catalog())

    assert (request.frame_options, request.seconds, request.prompt) == (FrameOptions(), 4, "gentle motion")


# ---------------------------------------------------------------- the server's address


@pytest.mark.parametrize(
    "url", ["https://videos.example.com/v1", "http://127.0.0.1:8000/v1", "http://[::1]:8000/v1", "https://example.com"]
)
def test_a_servers_address_is_accepted(url: str) -> None:
    assert SubmitSettings.from_environment(SUBMIT | {"VIDEO_API_BASE_URL": url}).video_api_base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@videos.example.com/v1",
        "https://hunter2@videos.example.com/v1",
        "https://videos.example.com/v1?key=hunter2",
        "ftp://videos.example.com/hunter2",
        "videos.example.com/hunter2",
        "https:///hunter2",
        "hunter2",
    ],
)
@pytest.mark.parametrize(("kind", "given"), [(SubmitSettings, SUBMIT), (TrackSettings, TRACK)])
def test_an_invalid_address_is_refused_and_never_repeated(kind: Any, given: dict[str, str], url: str) -> None:
    refusal = refuse(kind, given | {"VIDEO_API_BASE_URL": url})

    assert (refusal.code, refusal.facts) == ("setting_invalid", {"variable": "VIDEO_API_BASE_URL"})
    assert "VIDEO_API_BASE_URL" in refusal.message
    assert "hunter2" not in describe(refusal)


def test_an_invalid_number_is_never_repeated() -> None:
    assert "hunter2" not in describe(refuse(TrackSettings, TRACK | {"MAX_VIDEO_BYTES": "hunter2"}))


def test_the_decode_timeout_is_longer_than_the_function_and_shorter_than_its_messages_visibility_timeout() -> None:
    # Normalize runs for up to 60 s; its queue's visibility timeout is 360 s.
    assert 60 < NormalizeSettings.from_environment(NORMALIZE).decode_timeout_seconds < 360


def test_a_lease_is_longer_than_the_functions_timeout_by_default() -> None:
    # Submit runs for up to 120 s; if a lease expired before, another worker would send the same job.
    assert SubmitSettings.from_environment(SUBMIT).lease_seconds > 120
