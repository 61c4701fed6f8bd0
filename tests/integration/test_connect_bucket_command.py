"""`python -m local connect-bucket BUCKET` at a terminal: its question, its warnings, and the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from signal import SIGHUP, SIGTERM, getsignal, signal
from types import SimpleNamespace

import boto3
import pytest

from local import connect_bucket
from local.__main__ import main

from .fake_notifications import ARN, BUCKET, OTHERS, OWNER, FakeS3

Command = Callable[..., int]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3(dict(OTHERS))


@pytest.fixture
def outputs() -> dict[str, str]:
    """The stack's outputs; empty if there is no stack."""
    return {}


@pytest.fixture
def command(s3: FakeS3, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """The command, for the stack `films`, without a terminal to ask on unless the test sets the input."""

    def no_input(_: str) -> str:
        raise EOFError

    clients = {"s3": s3, "sts": SimpleNamespace(get_caller_identity=lambda: {"Account": OWNER})}
    monkeypatch.setattr(boto3, "client", lambda service: clients[service])
    monkeypatch.setattr(connect_bucket, "read_stack_outputs", lambda name: outputs)
    monkeypatch.setattr("builtins.input", no_input)
    handlers = {number: getsignal(number) for number in (SIGTERM, SIGHUP)}

    def run(*arguments: str, name: str = BUCKET) -> int:
        return main(["connect-bucket", name, "--stack", "films", *arguments])

    yield run
    for number, handler in handlers.items():
        signal(number, handler)


def test_it_connects_the_bucket_and_prints_what_to_deploy(command: Command, s3: FakeS3, capsys: Capture) -> None:
    assert command("--yes", "--prefix", "photos/") == 0

    output = capsys.readouterr().out
    assert s3.is_connected()
    assert "the stack films in eu-west-1: sam deploy" in output
    assert f'ExistingUploadBucket={BUCKET} UploadPrefix="photos/"' in output
    assert "keeps no versions" not in output


def test_it_says_so_if_the_stack_uses_the_bucket_already(
    command: Command, outputs: dict[str, str], capsys: Capture
) -> None:
    outputs |= {"UploadBucket": BUCKET, "UploadPrefix": "in/"}

    assert command("--yes", "--prefix", "in/") == 0
    assert f"The stack films makes videos of s3://{BUCKET}/in/*" in capsys.readouterr().out


def test_a_dry_run_shows_the_difference_and_writes_nothing(command: Command, s3: FakeS3, capsys: Capture) -> None:
    assert command("--dry-run", "--yes") == 0

    assert '+  "EventBridgeConfiguration": {}' in capsys.readouterr().out
    assert s3.writes == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("YES", 0), ("n", 1), ("", 1)])
def test_it_asks_before_it_writes(
    command: Command, s3: FakeS3, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: answer)

    assert command() == code
    assert s3.is_connected() is (code == 0)


def test_without_a_terminal_to_ask_on_nothing_is_written(command: Command, s3: FakeS3, capsys: Capture) -> None:
    assert command() == 1

    assert "--yes" in capsys.readouterr().out
    assert s3.writes == []


def test_a_bucket_that_does_not_exist_is_named(command: Command, capsys: Capture) -> None:
    assert command("--yes", name="no-such-bucket") == 1

    assert "There is no bucket no-such-bucket. Nothing was written." in capsys.readouterr().err


def test_a_bucket_of_another_account_is_refused(command: Command, s3: FakeS3, capsys: Capture) -> None:
    s3.error = "403"

    assert command("--yes") == 1
    assert f"another account than {OWNER}, or you lack s3:ListBucket" in capsys.readouterr().err


def test_the_stacks_own_output_bucket_is_refused(
    command: Command, s3: FakeS3, outputs: dict[str, str], capsys: Capture
) -> None:
    outputs["OutputBucket"] = BUCKET

    assert command("--yes") == 1
    assert "would become videos again" in capsys.readouterr().err
    assert s3.writes == []


@pytest.mark.parametrize("versioning", ["Suspended", ""])
def test_a_bucket_without_versions_is_connected_with_a_warning(
    command: Command, s3: FakeS3, capsys: Capture, versioning: str
) -> None:
    s3.versioning = versioning

    assert command("--yes") == 0
    assert "keeps no versions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "named"),
    [(ARN.format("kms", "key/1234"), True), (ARN.format("kms", "alias/aws/s3"), False), (None, False)],
)
def test_a_customers_key_is_named_because_the_stack_needs_it_as_a_parameter(
    command: Command, s3: FakeS3, capsys: Capture, key: str | None, named: bool
) -> None:
    s3.kms_key = key

    assert command("--yes") == 0
    output = capsys.readouterr().out
    assert ("UploadKeyArn=" in output) is named
    assert not named or str(key) in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["s3://pictures/photos"], "leave out s3://"),
        ([""], "is not a bucket's name"),
        (["pictures", "--prefix", "/photos/"], "write 'photos/'"),
    ],
)
def test_invalid_arguments_are_explained_before_any_request(
    capsys: Capture, arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["connect-bucket", *arguments])

    assert refused.value.code == 2
    assert message in capsys.readouterr().err
