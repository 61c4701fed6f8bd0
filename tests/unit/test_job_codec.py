"""A job record is written and read at one place: what is read back is what was written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sora_ready.adapters.job_items import read_item, write_item
from sora_ready.domain.codec import decode, encode, encode_object
from sora_ready.domain.errors import JobError, JobRecordError
from sora_ready.domain.job import Decoding, Invocation, Job, Reconciliation, SourceObject, Status, Submission, required


class Color(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    name: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    price: Decimal
    color: Color = Color.RED
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    count: int = 0


# Any fraction that DynamoDB holds: it has 38 digits and no infinities.
fractions = st.integers(0, 10**9).map(lambda number: number / 10**9)
# DynamoDB takes text that UTF-8 can hold.
texts = st.text(st.characters(codec="utf-8"), max_size=8)
amounts = st.integers(0, 10**6).map(lambda cents: Decimal(cents) / 100)
errors = st.builds(
    JobError,
    code=texts,
    message=texts,
    hint=st.none() | texts.filter(bool),
    facts=st.dictionaries(st.sampled_from(["field", "bytes", "until"]), texts | st.integers(0, 2**31)),
)
st.register_type_strategy(str, texts)
st.register_type_strategy(float, fractions)
st.register_type_strategy(int, st.integers(0, 2**53))
st.register_type_strategy(Decimal, amounts)
st.register_type_strategy(JobError, errors)
jobs = st.builds(
    Job,
    source=st.builds(SourceObject),
    options=st.dictionaries(texts.filter(bool), texts, max_size=3),
    option_sources=st.dictionaries(texts.filter(bool), texts, max_size=3),
    error=st.none() | errors,
)


@given(jobs)
def test_any_job_is_read_back_as_it_was_written(job: Job) -> None:
    assert Job.from_record(json.loads(json.dumps(job.to_record()))) == job


@given(jobs)
def test_any_job_is_read_back_from_its_item(job: Job) -> None:
    assert read_item(write_item(job)) == job


def test_what_holds_its_default_is_left_out() -> None:
    assert encode_object(Outer(Decimal("0.40"))) == {"price": "0.40"}
    assert decode(Outer, {"price": "0.40"}) == Outer(Decimal("0.40"))


def test_amounts_and_enums_travel_as_text() -> None:
    outer = Outer(Decimal("0.10"), inner=Inner("a", ("x", "y")), inners=(Inner("b"),), count=2)
    record = {"price": "0.10", "inner": {"name": "a", "tags": ["x", "y"]}, "inners": [{"name": "b"}], "count": 2}

    assert encode_object(outer) == record
    assert decode(Outer, record) == outer
    assert encode(Color.RED) == "red"


def test_a_name_that_the_class_lacks_is_ignored() -> None:
    assert decode(Inner, {"name": "a", "added_later": 1}) == Inner("a")


def test_a_missing_field_without_a_default_raises() -> None:
    with pytest.raises(TypeError, match="name"):
        decode(Inner, {})


def test_a_part_that_was_not_reached_is_not_in_the_record() -> None:
    job = Job("video_1", Status.RECEIVED, SourceObject("uploads", "beach.jpg"), "2026", "2026")

    assert job.to_record() == {
        "job_id": "video_1",
        "status": "received",
        "source": {"bucket": "uploads", "key": "beach.jpg"},
        "source_ref": "uploads/beach.jpg",
        "created_at": "2026",
        "updated_at": "2026",
        "history": [],
    }
    assert (job.invocation, job.decoding, job.reconciliation) == (Invocation(), Decoding(), Reconciliation())


@pytest.mark.parametrize(
    "damage",
    [
        {"status": "nothing"},
        {"source": None},
        {"error": {"code": "no_message"}},
        {"invocation": {"channel": "pigeon"}},
        {"request": {"price_usd": "dear"}},
        {"submission": {"attempt_id": "1"}},
        {"history": [{"at": "2026"}]},
    ],
)
def test_a_record_that_somebody_edited_raises_one_error(damage: dict[str, object]) -> None:
    record = Job("video_1", Status.READY, SourceObject("uploads", "beach.jpg"), "2026", "2026").to_record()

    with pytest.raises(JobRecordError) as raised:
        Job.from_record({**record, **damage})
    assert raised.value.facts == {"job_id": "video_1"}


def test_an_errors_facts_stand_beside_its_code() -> None:
    error = JobError("source_size", "The object is empty.", None, {"bytes": 0})

    assert error.to_record() == {"code": "source_size", "message": "The object is empty.", "bytes": 0}
    assert JobError.from_record(error.to_record()) == error


def test_a_part_that_the_status_promises_is_required() -> None:
    submission = Submission("1", "2026", "2027", Decimal(0), "2026-11-12")

    assert required(submission, "submission") is submission
    with pytest.raises(JobRecordError) as raised:
        required(None, "submission")
    assert "has no submission" in raised.value.message
