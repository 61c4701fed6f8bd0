"""What a person who types `python -m local wire BUCKET` is shown, asked, warned of and told to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from signal import SIGHUP, SIGTERM, getsignal, signal
from types import SimpleNamespace

import pytest

from local import connect_bucket
from local.__main__ import main

from .fake_notifications import ARN, BUCKET, OWNER, THERE, Bucket

Command = Callable[..., int]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(dict(THERE))


@pytest.fixture
def outputs() -> dict[str, str]:
    """The stack's outputs; there is no stack where they are empty."""
    return {}


@pytest.fixture
def command(bucket: Bucket, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """The command, for the stack `films`; nobody is there to be asked unless the test says what they answer."""

    def nobody(_: str) -> str:
        raise EOFError

    clients = {"s3": bucket, "sts": SimpleNamespace(get_caller_identity=lambda: {"Account": OWNER})}
    monkeypatch.setattr(connect_bucket.boto3, "client", lambda service: clients[service])
    monkeypatch.setattr(connect_bucket, "read_outputs", lambda stack: outputs)
    monkeypatch.setattr("builtins.input", nobody)
    heeded = {which: getsignal(which) for which in (SIGTERM, SIGHUP)}

    def call(*arguments: str, name: str = BUCKET) -> int:
        return main(["wire", name, "--stack", "films", *arguments])

    yield call
    for which, handler in heeded.items():
        signal(which, handler)


def test_it_wires_and_tells_what_to_deploy(
    command: Command, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--yes", "--prefix", "photos/") == 0

    said = capsys.readouterr().out
    assert bucket.is_wired()
    assert "the stack films in eu-west-1: sam deploy" in said
    assert f'ExistingUploadBucket={BUCKET} UploadPrefix="photos/"' in said
    assert "keeps no versions" not in said


def test_it_says_so_where_the_stack_takes_the_bucket_already(
    command: Command, outputs: dict[str, str], capsys: pytest.CaptureFixture
) -> None:
    outputs |= {"UploadBucket": BUCKET, "UploadPrefix": "in/"}

    assert command("--yes", "--prefix", "in/") == 0
    assert f"The stack films makes videos of s3://{BUCKET}/in/*" in capsys.readouterr().out


def test_a_dry_run_shows_and_writes_nothing(
    command: Command, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--dry-run", "--yes") == 0

    assert '+  "EventBridgeConfiguration": {}' in capsys.readouterr().out
    assert bucket.writes == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("YES", 0), ("n", 1), ("", 1)])
def test_it_asks_before_it_writes(
    command: Command, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: answer)

    assert command() == code
    assert bucket.is_wired() is (code == 0)


def test_where_nobody_can_be_asked_nothing_is_written(
    command: Command, bucket: Bucket, capsys: pytest.CaptureFixture
) -> None:
    assert command() == 1

    assert "--yes" in capsys.readouterr().out
    assert bucket.writes == []


def test_a_bucket_that_is_not_there_is_named(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--yes", name="no-such-bucket") == 1

    assert "There is no bucket no-such-bucket. Nothing was written." in capsys.readouterr().err


def test_a_bucket_that_is_not_the_persons_is_refused(
    command: Command, bucket: Bucket, capsys: pytest.CaptureFixture
) -> None:
    bucket.refuses = "403"

    assert command("--yes") == 1
    assert f"another account than {OWNER}, or you lack s3:ListBucket" in capsys.readouterr().err


def test_the_stacks_own_output_bucket_is_refused(
    command: Command, bucket: Bucket, outputs: dict[str, str], capsys: pytest.CaptureFixture
) -> None:
    outputs["OutputBucket"] = BUCKET

    assert command("--yes") == 1
    assert "would become videos again" in capsys.readouterr().err
    assert bucket.writes == []


@pytest.mark.parametrize("versioning", ["Suspended", ""])
def test_a_bucket_that_keeps_no_versions_is_wired_with_a_warning(
    command: Command, bucket: Bucket, capsys: pytest.CaptureFixture[str], versioning: str
) -> None:
    bucket.versioning = versioning

    assert command("--yes") == 0
    assert "keeps no versions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "told"),
    [(ARN.format("kms", "key/1234"), True), (ARN.format("kms", "alias/aws/s3"), False), (None, False)],
)
def test_a_key_of_the_buckets_own_is_told_because_the_stack_must_be_given_it(
    command: Command, bucket: Bucket, capsys: pytest.CaptureFixture[str], key: str | None, told: bool
) -> None:
    bucket.key = key

    assert command("--yes") == 0
    said = capsys.readouterr().out
    assert ("UploadKeyArn=" in said) is told
    assert not told or str(key) in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["s3://pictures/photos"], "leave out s3://"),
        ([""], "is no bucket's name"),
        (["pictures", "--prefix", "/photos/"], "write 'photos/'"),
    ],
)
def test_an_order_that_makes_no_sense_is_explained_before_aws_is_asked(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["wire", *arguments])

    assert refused.value.code == 2
    assert said in capsys.readouterr().err
