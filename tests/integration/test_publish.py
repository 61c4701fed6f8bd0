"""Each change of a job's status becomes an event: in order, at least once, with an id that identifies repeats."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from sora_ready.adapters.event_bus import EventBus
from sora_ready.domain.codec import JsonObject
from sora_ready.domain.errors import AwsServiceError
from sora_ready.domain.job import HistoryEntry, Status
from sora_ready.entrypoints.table_stream import read_changes

from .function_modules import CONTEXT, JOB, Event, Load
from .publish_fakes import FakeBus, StreamRecord, publish_step, stream_record
from .stack_fixtures import Stack, load_event, make_job


def change(job_id: str, *statuses: str, number: int = 0) -> StreamRecord:
    """Return the stream's record of a job that has had all of `statuses`, the last one since now."""
    history = tuple(HistoryEntry(Status(status), "2026-11-12T08:00:00.000Z") for status in statuses)
    after = replace(make_job(job_id=job_id), status=history[-1].status, history=history)
    before = None
    if len(history) > 1:
        before = replace(after, status=history[-2].status, history=history[:-1])
    return stream_record(after, before, 1000 + number)


def stream(*changes: tuple[str, ...]) -> list[StreamRecord]:
    return [change(*statuses, number=number) for number, statuses in enumerate(changes)]


def publish(records: list[StreamRecord], bus: EventBus) -> str | None:
    return publish_step(bus).publish_events(read_changes({"Records": records})[0])


def published(stack: Stack) -> list[list[dict[str, Any]]]:
    return [call["Entries"] for call in stack.calls.sent("events.PutEvents")]


def test_changes_of_status_are_published_and_other_writes_are_not(stack: Stack, load: Load) -> None:
    # when an upload is recorded, then an attempt to decode it, then its copy, and the record is removed
    response = load("publish").handler(load_event("publish-stream.json"), CONTEXT)

    # then
    assert response == {"batchItemFailures": []}
    entries = [entry for call in published(stack) for entry in call]
    assert {(entry["Source"], entry["DetailType"], entry["EventBusName"]) for entry in entries} == {
        ("sora-ready", "Video Job Status Changed", "default")
    }
    details = [json.loads(entry["Detail"]) for entry in entries]
    assert [(detail["id"], detail["previous_status"], detail["status"]) for detail in details] == [
        (f"{JOB}:1", None, "received"),
        (f"{JOB}:2", "received", "ready"),
    ]


def test_an_event_holds_the_job_as_it_was_after_the_change(stack: Stack, load: Load) -> None:
    load("publish").handler(load_event("publish-stream.json"), CONTEXT)

    detail = json.loads(published(stack)[-1][0]["Detail"])

    assert detail["job_id"] == JOB
    assert detail["source"]["key"] == "holiday/beach.jpg"
    assert detail["request"] == {
        "model": "tiny",
        "size": "64x48",
        "requested_size": "auto",
        "seconds": 4,
        "mode": "cover",
        "focus": "0.5 0.5",
        "crop": "0 0 1 1",
        "background": "000000",
        "format": "jpeg",
        "quality": 95,
        "prompt": "a calm sea",
        "price_usd": "0.40",
    }
    assert detail["sequence"] == len(detail["history"]) == 2
    # when the sweep resumes a job is internal
    assert {"due_partition", "due_at"}.isdisjoint(detail)


def test_an_event_can_be_written_in_any_alphabet(stack: Stack, load: Load) -> None:
    event = load_event("publish-stream.json")
    event["Records"][2]["dynamodb"]["NewImage"]["request"]["M"]["prompt"] = {"S": "海浪 🎬"}

    load("publish").handler(event, CONTEXT)

    assert "海浪 🎬" in published(stack)[-1][0]["Detail"]


def test_events_go_to_the_bus_that_the_stack_names(stack: Stack, load: Load, aws: Event) -> None:
    aws["events"].create_event_bus(Name="videos")

    load("publish", EVENT_BUS="videos").handler(load_event("publish-stream.json"), CONTEXT)

    assert {entry["EventBusName"] for call in published(stack) for entry in call} == {"videos"}


def test_an_event_names_its_stack(stack: Stack, load: Load) -> None:
    load("publish", STACK_NAME="films").handler(load_event("publish-stream.json"), CONTEXT)

    details = [json.loads(entry["Detail"]) for call in published(stack) for entry in call]
    assert {detail["stack"] for detail in details} == {"films"}


def test_the_same_change_has_the_same_id_each_time_it_is_read() -> None:
    bus = FakeBus()

    for _ in range(2):
        publish(stream(("a", "received"), ("a", "received", "ready")), bus)

    assert bus.ids() == ["a:1", "a:2"] * 2


def test_two_changes_of_a_job_never_have_the_same_id() -> None:
    bus = FakeBus()
    # given a job that was ready three times
    statuses = ("received", "ready", "submitting", "ready", "submitting", "ready", "held", "ready")

    publish([change("a", *statuses[: end + 1], number=end) for end in range(len(statuses))], bus)

    assert bus.ids() == [f"a:{number}" for number in range(1, len(statuses) + 1)]


def test_a_jobs_changes_are_published_in_order_one_in_each_call() -> None:
    bus = FakeBus()

    publish(stream(("a", "received"), ("b", "ready"), ("a", "received", "ready"), ("c", "ready")), bus)

    assert [[detail["id"] for detail in call] for call in bus.calls] == [["a:1", "b:1"], ["a:2", "c:1"]]


def test_no_call_has_more_events_than_the_bus_accepts() -> None:
    bus = FakeBus()

    publish(stream(*((f"job{number}", "ready") for number in range(23))), bus)

    assert [len(call) for call in bus.calls] == [10, 10, 3]


def test_the_stream_starts_again_from_the_first_event_that_the_bus_refused() -> None:
    # given a bus that refuses the second of three events
    bus = FakeBus("b:1")
    records = stream(("a", "ready"), ("b", "ready"), ("c", "ready"), ("b", "ready", "held"))

    # then the stream starts again there, and no later event of that job was published first
    assert publish(records, bus) == "1001"
    assert bus.ids() == ["a:1", "c:1"]

    # and the next time all are published
    bus.refused = []
    assert publish(records[1:], bus) is None
    assert bus.ids() == ["a:1", "c:1", "b:1", "c:1", "b:2"]


def test_of_several_refused_events_the_first_counts() -> None:
    assert publish(stream(("a", "ready"), ("b", "ready"), ("c", "ready")), FakeBus("c:1", "b:1")) == "1001"


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events.example.com"),
    ],
)
def test_the_stream_starts_again_from_the_first_event_of_a_call_that_failed(error: Exception) -> None:
    class FailingClient:
        """Fails its second call."""

        def __init__(self) -> None:
            self.ids: list[str] = []

        def put_events(self, *, Entries: list[dict[str, str]]) -> Any:  # noqa: N803 - boto3's name
            if self.ids:
                raise error
            self.ids += [json.loads(entry["Detail"])["id"] for entry in Entries]
            return {"Entries": [{} for _ in Entries]}

    client = FailingClient()
    records = stream(("a", "ready"), ("b", "ready"), ("b", "ready", "held"), ("c", "ready"))

    assert publish(records, EventBus(client, "default")) == "1002"  # type: ignore[arg-type] # a fake client
    assert client.ids == ["a:1", "b:1"]


def test_a_failed_call_raises_awss_code_and_operation() -> None:
    class DeniedClient:
        def put_events(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "PutEvents")

    bus = EventBus(DeniedClient(), "default")  # type: ignore[arg-type] # a fake client

    with pytest.raises(AwsServiceError) as raised:
        bus.put_events("Video Job Status Changed", [{"id": "a:1"}])
    assert (raised.value.code, raised.value.facts) == ("AccessDeniedException", {"operation": "PutEvents"})


def test_a_write_without_a_change_of_status_does_not_shift_where_the_stream_starts_again() -> None:
    update = change("n", "ready", "ready", number=0)

    assert publish([update, *stream(("a", "ready"), ("b", "ready"))], FakeBus("b:1")) == "1001"


def test_the_function_returns_the_first_record_that_failed(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = load_event("publish-stream.json")
    monkeypatch.setattr(EventBus, "put_events", lambda *_: [0])

    response = load("publish").handler(event, CONTEXT)

    sequence = event["Records"][0]["dynamodb"]["SequenceNumber"]
    assert response == {"batchItemFailures": [{"itemIdentifier": sequence}]}


def test_an_entry_that_the_bus_refuses_is_returned_by_its_index() -> None:
    class RefusingClient:
        def put_events(self, **_: Any) -> Any:
            return {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, {"ErrorCode": "InternalFailure"}]}

    details: list[JsonObject] = [{"id": "a:1"}, {"id": "a:1"}]

    assert EventBus(RefusingClient(), "default").put_events("Changed", details) == [1]  # type: ignore[arg-type] # a fake client


def test_a_batch_of_other_writes_alone_costs_no_call(stack: Stack, load: Load) -> None:
    event = copy.deepcopy(load_event("publish-stream.json"))
    event["Records"] = [event["Records"][1], event["Records"][3]]

    assert load("publish").handler(event, CONTEXT) == {"batchItemFailures": []}
    assert stack.calls.names() == []


def test_the_sample_event_has_the_shape_of_a_real_one() -> None:
    records = load_event("publish-stream.json")["Records"]

    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
    for record in records:
        images = record["dynamodb"]
        assert (record["eventSource"], images["StreamViewType"]) == ("aws:dynamodb", "NEW_AND_OLD_IMAGES")
        assert ("OldImage" in images, "NewImage" in images) == (
            record["eventName"] != "INSERT",
            record["eventName"] != "REMOVE",
        )
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
    assert numbers == sorted(set(numbers))
