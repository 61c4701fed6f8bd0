"""A picture that kills its decoder takes no other picture with it and does not come back for ever."""

from __future__ import annotations

import io
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sora_ready.adapters.buckets import OutputBucket, Upload, UploadBucket
from sora_ready.adapters.job_table import JobTable
from sora_ready.domain.errors import TransitionRefused
from sora_ready.domain.imaging import ReadyImage
from sora_ready.domain.job import Job, SourceObject, Status, make_job_id
from sora_ready.pipeline import decode_attempts
from sora_ready.pipeline import normalize as step

from .functions import Load, uploaded
from .steps import normalize, path_of, recorded
from .support import TEMPLATE, Clock, Stack, bring_to, load_event, make_job, picture

QUEUE = TEMPLATE["Resources"]["NormalizeQueue"]["Properties"]
AWAY_SECONDS = QUEUE["VisibilityTimeout"]
"""How long the message of a function that died stays away."""
DELIVERIES = QUEUE["RedrivePolicy"]["maxReceiveCount"]
DECODE_TIMEOUT_SECONDS = 90

Decode = Callable[..., ReadyImage]
Meanwhile = Callable[[], object]
decode_truly: Decode = step.normalize_image


class Killed(BaseException):
    """Stands for the end of the process: nothing in the product catches it, so nothing is cleaned up either."""


class Decoder:
    """Decodes in the product's place: each decode ends as the next of `ends` says, truly when there are no more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends: list[BaseException] = []
        self.decodes = 0
        monkeypatch.setattr(step, "normalize_image", self.decode)

    def decode(self, *given: Any, **options: Any) -> ReadyImage:
        self.decodes += 1
        if self.ends:
            raise self.ends.pop(0)
        return decode_truly(*given, **options)


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Decoder:
    return Decoder(monkeypatch)


@pytest.fixture
def source(stack: Stack) -> SourceObject:
    return stack.upload("beach.jpg", picture(80, 60), Tagging="size=64x48")


def die(stack: Stack, decoder: Decoder, source: SourceObject, *, away: float = AWAY_SECONDS, **options: Any) -> Job:
    """Deliver the message to a function that its decoder kills, and wait until the message is there again."""
    decoder.ends.insert(0, Killed())
    with pytest.raises(Killed):
        normalize(stack, source, **options)
    stack.clock.advance(seconds=away)
    return found(stack, source)


def found(stack: Stack, source: SourceObject) -> Job:
    job = stack.jobs.get_job(make_job_id(source))
    assert job is not None
    return job


class Interrupted(JobTable):
    """Lets something else happen, once, right before its first write: what was read before is old news then."""

    def __init__(self, stack: Stack, meanwhile: Meanwhile) -> None:
        super().__init__(stack.dynamodb, stack.table, now=stack.clock)
        self._meanwhile: list[Meanwhile] = [meanwhile]

    def put_job(self, job: Job) -> Job:
        self._interrupt()
        return super().put_job(job)

    def note_on_job(self, job: Job, **parts: Any) -> Job:
        self._interrupt()
        return super().note_on_job(job, **parts)

    def _interrupt(self) -> None:
        while self._meanwhile:
            self._meanwhile.pop()()


class Failing(JobTable):
    """Says of every write that `refuses` names that there are too many."""

    def __init__(self, stack: Stack, refuses: Callable[[Job], bool]) -> None:
        super().__init__(stack.dynamodb, stack.table, now=stack.clock)
        self._refuses = refuses

    def put_job(self, job: Job) -> Job:
        if self._refuses(job):
            raise too_many()
        return super().put_job(job)

    def note_on_job(self, job: Job, **parts: Any) -> Job:
        if self._refuses(job):
            raise too_many()
        return super().note_on_job(job, **parts)


class Unsaved(OutputBucket):
    """Lets something else happen when a copy is to be saved, and then does not save it."""

    def __init__(self, stack: Stack, meanwhile: Meanwhile = lambda: None) -> None:
        super().__init__(stack.s3, "nowhere")
        self.meanwhile = meanwhile

    def put_ready_copy(self, job_id: str, ready: ReadyImage) -> dict[str, Any]:
        self.meanwhile()
        return super().put_ready_copy(job_id, ready)


def too_many() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "too many requests"}}, "PutItem")


# ---------------------------------------------------------------- what is on record while a picture is decoded


def test_a_job_is_on_record_before_its_picture_is_decoded(
    stack: Stack, source: SourceObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    seen: list[Job] = []

    def look(*given: Any, **options: Any) -> ReadyImage:
        seen.append(found(stack, source))
        stack.clock.advance(seconds=3)
        return decode_truly(*given, **options)

    monkeypatch.setattr(step, "normalize_image", look)

    # when
    ready = normalize(stack, source)

    # then
    (received,) = seen
    assert (received.status, path_of(received)) == (Status.RECEIVED, ["received"])
    assert received.attempt == {"decodes": ["2026-11-12T08:00:00.000Z"]}
    assert (received.request["size"], received.origins["size"]) == ("64x48", "tag")
    assert (ready.status, path_of(ready), ready.attempt) == (Status.READY, ["received", "ready"], {})
    assert (ready.created_at, received.updated_at) == ("2026-11-12T08:00:00.000Z",) * 2
    assert ready.updated_at == ready.history[-1]["at"] == "2026-11-12T08:00:03.000Z"


# ---------------------------------------------------------------- attempts that died


def test_a_picture_whose_decoder_died_once_is_decoded_again(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    received = die(stack, decoder, source)
    assert (received.status, received.attempt["decodes"]) == (Status.RECEIVED, ["2026-11-12T08:00:00.000Z"])

    # when
    job = normalize(stack, source)

    # then
    assert job == recorded(stack, job)
    assert (job.status, path_of(job), job.attempt) == (Status.READY, ["received", "ready"], {})
    assert (job.created_at, job.updated_at) == ("2026-11-12T08:00:00.000Z", "2026-11-12T08:06:00.000Z")
    assert decoder.decodes == 2
    assert stack.output_keys() == [job.copy["key"]]


def test_after_the_second_death_the_picture_is_rejected_and_neither_read_nor_decoded(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    class Unreadable(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    class Watched(UploadBucket):
        def open_upload(self, source: SourceObject) -> Upload:
            return replace(super().open_upload(source), body=Unreadable())

    die(stack, decoder, source)
    die(stack, decoder, source)

    # when
    job = normalize(stack, source, uploads=Watched(stack.s3))

    # then
    assert decoder.decodes == 2
    assert job == recorded(stack, job)
    assert (job.status, path_of(job)) == (Status.REJECTED, ["received", "rejected"])
    assert (job.error["code"], job.error["attempts"]) == ("decoder_crashed", 2)
    assert "2 times" in job.error["message"]
    assert "Export it again as a plain JPEG" in job.error["message"]
    assert (job.created_at, job.updated_at) == ("2026-11-12T08:00:00.000Z", "2026-11-12T08:12:00.000Z")
    assert (job.request["size"], job.origins["size"]) == ("64x48", "tag")
    assert stack.output_keys() == []


def test_what_was_rejected_for_its_decoder_is_left_alone(stack: Stack, decoder: Decoder, source: SourceObject) -> None:
    # given
    die(stack, decoder, source)
    die(stack, decoder, source)
    job = normalize(stack, source)

    # when
    again = normalize(stack, source)

    # then
    assert again == job
    assert stack.calls.names() == ["dynamodb.GetItem"]


def test_the_message_comes_often_and_late_enough_for_the_verdict() -> None:
    # given the function's own time, at whose end an attempt is over
    runs = TEMPLATE["Resources"]["Normalize"]["Properties"]["Timeout"]

    # then
    assert runs < DECODE_TIMEOUT_SECONDS < AWAY_SECONDS
    assert decode_attempts.MAX_DEAD < DELIVERIES


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "crashed"])
def test_a_process_that_really_dies_leaves_its_attempt_on_record(
    stack: Stack, decoder: Decoder, source: SourceObject, ending: signal.Signals
) -> None:
    # given two functions that died as processes do
    for minute in ("00", "06"):
        assert die_as_process(stack, source, ending) == -ending
        assert found(stack, source).attempt["decodes"][-1] == f"2026-11-12T08:{minute}:00.000Z"
        stack.clock.advance(seconds=AWAY_SECONDS)

    # when
    job = normalize(stack, source)

    # then
    assert (job.status, job.error["code"]) == (Status.REJECTED, "decoder_crashed")
    assert (decoder.decodes, stack.output_keys()) == (0, [])


# ---------------------------------------------------------------- attempts that may still be alive


@pytest.mark.parametrize(("age", "counts"), [(DECODE_TIMEOUT_SECONDS, False), (DECODE_TIMEOUT_SECONDS + 0.001, True)])
def test_an_attempt_counts_only_once_its_function_cannot_be_running(
    stack: Stack, decoder: Decoder, source: SourceObject, age: float, counts: bool
) -> None:
    # given one that is dead and one of this age
    die(stack, decoder, source)
    die(stack, decoder, source, away=age)

    # when
    job = normalize(stack, source)

    # then
    assert job.status is (Status.REJECTED if counts else Status.READY)
    assert decoder.decodes == (2 if counts else 3)


def test_two_deliveries_at_once_do_not_count_each_other(
    stack: Stack, source: SourceObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given three deliveries, each begun while the one before it decodes
    depth, answers = 0, []

    def decode(*given: Any, **options: Any) -> ReadyImage:
        nonlocal depth
        depth += 1
        if depth < 3:
            answers.append(normalize(stack, source))
        return decode_truly(*given, **options)

    monkeypatch.setattr(step, "normalize_image", decode)

    # when
    answers.append(normalize(stack, source))

    # then
    assert answers == [found(stack, source)] * 3
    assert path_of(answers[0]) == ["received", "ready"]
    assert stack.output_keys() == [answers[0].copy["key"]]


@pytest.mark.parametrize("dead", [0, 1])
def test_of_two_deliveries_at_once_neither_erases_the_others_attempt(
    stack: Stack, decoder: Decoder, source: SourceObject, dead: int
) -> None:
    # given as many dead as there may be
    for _ in range(dead):
        die(stack, decoder, source)

    # when both read the same record, and then write one after the other, and die
    jobs = Interrupted(stack, lambda: die(stack, decoder, source, away=1))
    received = die(stack, decoder, source, jobs=jobs)

    # then
    assert len(received.attempt["decodes"]) == dead + 2
    assert received.created_at == "2026-11-12T08:00:00.000Z"
    assert path_of(received) == ["received"]
    assert normalize(stack, source).error["code"] == "decoder_crashed"
    assert decoder.decodes == dead + 2


def test_the_job_keeps_the_beginning_that_was_recorded_first(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given one that read no record, and wrote after another that had come later
    def overtake() -> None:
        stack.clock.advance(seconds=5)
        die(stack, decoder, source, away=1)

    # when
    job = normalize(stack, source, jobs=Interrupted(stack, overtake))

    # then
    assert (job.status, path_of(job)) == (Status.READY, ["received", "ready"])
    assert job.created_at == job.history[0]["at"] == "2026-11-12T08:00:05.000Z"


@pytest.mark.parametrize("dead", [0, 1])
def test_a_delivery_that_finds_the_job_made_meanwhile_does_not_decode(
    stack: Stack, decoder: Decoder, source: SourceObject, dead: int
) -> None:
    # given
    for _ in range(dead):
        die(stack, decoder, source)
    quick: list[Job] = []

    # when
    slow = normalize(stack, source, jobs=Interrupted(stack, lambda: quick.append(normalize(stack, source))))

    # then
    assert [slow] == quick == [found(stack, source)]
    assert slow.status is Status.READY
    assert decoder.decodes == dead + 1


def test_a_record_that_changes_all_the_time_sends_the_message_back(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given
    class Restless(JobTable):
        def note_on_job(self, job: Job, **parts: Any) -> Job:
            stack.clock.advance(seconds=1)
            super().note_on_job(job, attempt={"decodes": [*job.attempt["decodes"], "2026-11-12T09:00:00.000Z"]})
            return super().note_on_job(job, **parts)

    die(stack, decoder, source)

    # when
    with pytest.raises(TransitionRefused):
        normalize(stack, source, jobs=Restless(stack.dynamodb, stack.table, now=stack.clock))

    # then
    assert (found(stack, source).status, decoder.decodes) == (Status.RECEIVED, 1)


def test_a_received_job_without_an_attempt_is_decoded(stack: Stack, decoder: Decoder) -> None:
    # given the record that the test's own helper writes, and an object that is not there
    job = bring_to(stack.jobs, Status.RECEIVED)

    # when
    ended = normalize(stack, job.source)

    # then it came as far as the object
    assert (ended.error["code"], path_of(ended)) == ("source_missing", ["received", "rejected"])


def test_an_attempt_joins_a_record_that_has_none(stack: Stack, decoder: Decoder, source: SourceObject) -> None:
    # given
    stack.jobs.put_job(make_job(source, status=Status.RECEIVED))

    # when
    received = die(stack, decoder, source)

    # then
    assert received.attempt == {"decodes": ["2026-11-12T08:00:00.000Z"]}


# ---------------------------------------------------------------- attempts that ended, though not well


@pytest.mark.parametrize(
    "trouble", [RuntimeError("a fault of ours"), ConnectionError("the line was cut"), MemoryError()], ids=repr
)
def test_a_decode_that_raised_is_tried_again_and_never_counted(
    stack: Stack, decoder: Decoder, source: SourceObject, trouble: Exception
) -> None:
    # when
    for _ in range(DELIVERIES):
        decoder.ends = [trouble]
        with pytest.raises(type(trouble)) as raised:
            normalize(stack, source)
        assert raised.value is trouble
        assert found(stack, source).attempt == {"decodes": []}
        stack.clock.advance(seconds=AWAY_SECONDS)

    # then
    assert normalize(stack, source).status is Status.READY


def test_a_copy_that_cannot_be_saved_does_not_become_a_crash(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # when
    for _ in range(DELIVERIES):
        with pytest.raises(ClientError, match="NoSuchBucket"):
            normalize(stack, source, outputs=Unsaved(stack))
        assert stack.calls.names()[-2:] == ["s3.PutObject", "dynamodb.UpdateItem"]
        stack.clock.advance(seconds=AWAY_SECONDS)

    # then
    job = normalize(stack, source)
    assert (job.status, path_of(job), decoder.decodes) == (Status.READY, ["received", "ready"], DELIVERIES + 1)


@pytest.mark.parametrize("data", [picture(80, 60), b"no picture"], ids=["ready", "rejected"])
def test_an_outcome_that_cannot_be_recorded_does_not_become_a_crash(stack: Stack, data: bytes) -> None:
    # given a table that takes the announcement and refuses the outcome
    source = stack.upload("beach.jpg", data)
    jobs = Failing(stack, lambda job: job.status is not Status.RECEIVED)

    # when
    for _ in range(DELIVERIES):
        with pytest.raises(ClientError, match="ThrottlingException"):
            normalize(stack, source, jobs=jobs)
        stack.clock.advance(seconds=AWAY_SECONDS)

    # then
    job = normalize(stack, source)
    assert (job.status, job.error.get("code")) in {(Status.READY, None), (Status.REJECTED, "not_an_image")}


def test_a_table_that_takes_nothing_does_not_become_a_crash(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # when
    for _ in range(DELIVERIES):
        with pytest.raises(ClientError, match="ThrottlingException"):
            normalize(stack, source, jobs=Failing(stack, lambda _: True))
        stack.clock.advance(seconds=AWAY_SECONDS)

    # then nothing was decoded that could not be put on record
    assert decoder.decodes == 0
    assert normalize(stack, source).status is Status.READY


def test_trouble_with_taking_an_attempt_off_does_not_hide_why_it_ended(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # given a table that has had enough after the announcement
    announced: list[Job] = []
    jobs = Failing(stack, lambda job: bool(announced) or announced.append(job))  # type: ignore[func-returns-value]
    decoder.ends = [RuntimeError("a fault of ours")]

    # when
    with pytest.raises(RuntimeError, match="a fault of ours"):
        normalize(stack, source, jobs=jobs)

    # then
    assert len(found(stack, source).attempt["decodes"]) == 1


def test_an_attempt_that_ended_takes_off_only_itself(stack: Stack, decoder: Decoder, source: SourceObject) -> None:
    # given one that died, and one that dies while the copy of another is not saved
    first = die(stack, decoder, source).attempt["decodes"]

    # when
    with pytest.raises(ClientError, match="NoSuchBucket"):
        normalize(stack, source, outputs=Unsaved(stack, lambda: die_later(stack, decoder, source)))

    # then
    left = found(stack, source).attempt["decodes"]
    assert (left[:-1], len(left)) == (first, 2)
    assert left[-1] == "2026-11-12T08:06:05.000Z"


def die_later(stack: Stack, decoder: Decoder, source: SourceObject) -> None:
    stack.clock.advance(seconds=5)
    die(stack, decoder, source, away=0)


def test_an_attempt_that_ended_after_the_job_was_made_leaves_the_job_alone(
    stack: Stack, decoder: Decoder, source: SourceObject
) -> None:
    # when
    with pytest.raises(ClientError, match="NoSuchBucket"):
        normalize(stack, source, outputs=Unsaved(stack, lambda: normalize(stack, source)))

    # then
    assert path_of(found(stack, source)) == ["received", "ready"]


# ---------------------------------------------------------------- other pictures


def test_other_pictures_do_not_suffer(stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    # given two uploads, the first of which kills every decoder
    event = load_event("normalize-sqs-two-uploads.json")
    first, good = uploaded(stack, event)
    bad = stack.upload(first.key, b"poison")
    event["Records"][0]["body"] = event["Records"][0]["body"].replace(str(first.version_id), str(bad.version_id))

    def decode(data: bytes, **options: Any) -> ReadyImage:
        if data == b"poison":
            raise Killed
        return decode_truly(data, **options)

    monkeypatch.setattr(step, "normalize_image", decode)
    function = load("normalize")
    clock = Clock()
    function.wire()["jobs"].now = clock

    # when each message comes by itself, as the template has it, and comes back until it is dealt with
    assert TEMPLATE["Resources"]["Normalize"]["Properties"]["Events"]["Uploads"]["Properties"]["BatchSize"] == 1
    came = {0: 0, 1: 0}
    for _ in range(DELIVERIES):
        for number in list(came):
            came[number] += 1
            with suppress(Killed):
                assert function.handler({"Records": [event["Records"][number]]}, None) == {"batchItemFailures": []}
                came.pop(number)
        clock.advance(seconds=AWAY_SECONDS)

    # then
    assert came == {}
    assert found(stack, good).status is Status.READY
    assert path_of(found(stack, good)) == ["received", "ready"]
    assert found(stack, bad).error["code"] == "decoder_crashed"


# ---------------------------------------------------------------- a process that dies


class Forwarded:
    """A client whose calls are made by another process, which outlives this one."""

    def __init__(self, ask: Connection, answers: Connection) -> None:
        self._ask, self._answers = ask, answers

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self._ask.send((name, arguments))
            answer = self._answers.recv()
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class InMemory(UploadBucket):
    """One upload that needs no bucket."""

    def __init__(self) -> None:
        pass

    def open_upload(self, source: SourceObject) -> Upload:
        return Upload(io.BytesIO(picture(80, 60)), 1000, {}, 0)


def normalize_and_die(
    ask: Connection, answers: Connection, table: str, clock: Clock, source: SourceObject, ending: int
) -> None:
    """Run the step, as a process of its own, on a picture whose decoder ends it with a signal."""
    from .steps import CATALOG
    from .support import DEFAULTS

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    step.normalize_image = lambda *_, **__: os.kill(os.getpid(), ending)  # type: ignore[assignment]
    step.normalize_upload(
        source,
        jobs=JobTable(Forwarded(ask, answers), table, now=clock),  # type: ignore[arg-type]
        uploads=InMemory(),
        outputs=OutputBucket(None, "nowhere"),  # type: ignore[arg-type]
        catalog=CATALOG,
        defaults=DEFAULTS,
        max_source_bytes=1_000_000,
        decode_timeout_seconds=DECODE_TIMEOUT_SECONDS,
    )


def die_as_process(stack: Stack, source: SourceObject, ending: int) -> int | None:
    """Have a process run the step and die of its decoder; return its exit code. Its table is this test's."""
    processes = multiprocessing.get_context("spawn")
    (asked, ask), (answers, answer) = processes.Pipe(duplex=False), processes.Pipe(duplex=False)
    process = processes.Process(
        target=normalize_and_die, args=(ask, answers, stack.table, stack.clock, source, int(ending))
    )
    process.start()
    ask.close()
    answers.close()
    # The other end is closed by the death of the process, and by nothing else.
    with suppress(EOFError):
        while True:
            name, arguments = asked.recv()
            try:
                answer.send(getattr(stack.dynamodb, name)(**arguments))
            except ClientError as error:
                answer.send(error)
    process.join(60)
    asked.close()
    answer.close()
    return process.exitcode
