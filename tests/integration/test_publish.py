"""Each change of a job's status becomes an event: in order, at least once, and told apart by its id."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from sora_ready.adapters.event_bus import BusEvent, EventBus
from sora_ready.adapters.job_items import write_item
from sora_ready.pipeline.publish import publish_events

from .function_modules import JOB, Event, Load
from .stack_fixtures import Stack, load_event, make_job

Record = dict[str, Any]


class Bus(EventBus):
    """Keeps what it takes, call by call; refuses the jobs that it is told to."""

    def __init__(self, *refused: str) -> None:
        self.refused = list(refused)
        self.calls: list[list[dict[str, Any]]] = []

    def put_events(self, events: Sequence[BusEvent]) -> list[int]:
        failed = [place for place, event in enumerate(events) if event.detail["id"] in self.refused]
        self.calls.append([event.detail for place, event in enumerate(events) if place not in failed])
        return failed

    def ids(self) -> list[str]:
        return [detail["id"] for call in self.calls for detail in call]


def change(job_id: str, *statuses: str, number: int = 0) -> Record:
    """A record of the stream: the job went through all of `statuses`, and came to the last of them now."""
    history = [{"status": status, "at": "2026-11-12T08:00:00.000Z"} for status in statuses]
    record = make_job(job_id=job_id).to_record() | {"status": statuses[-1], "history": history}
    images = {"NewImage": write_item(record), "SequenceNumber": str(1000 + number)}
    if len(statuses) > 1:
        images["OldImage"] = write_item(record | {"status": statuses[-2], "history": history[:-1]})
    return {"eventName": "MODIFY" if len(statuses) > 1 else "INSERT", "dynamodb": images}


def stream(*changes: tuple[str, ...]) -> list[Record]:
    return [change(*told, number=number) for number, told in enumerate(changes)]


def publish(records: list[Record], bus: Bus) -> str | None:
    return publish_events(records, bus, stack="films")


def published(stack: Stack) -> list[list[dict[str, Any]]]:
    return [call["Entries"] for call in stack.calls.sent("events.PutEvents")]


def test_the_samples_changes_of_status_are_published_and_its_notes_are_not(stack: Stack, load: Load) -> None:
    # when an upload is recorded, an attempt noted, its copy made, and the record at last removed
    answer = load("publish").handler(load_event("publish-stream.json"), None)

    # then
    assert answer == {"batchItemFailures": []}
    entries = [entry for call in published(stack) for entry in call]
    assert {(entry["Source"], entry["DetailType"], entry["EventBusName"]) for entry in entries} == {
        ("sora-ready", "Video Job Status Changed", "default")
    }
    details = [json.loads(entry["Detail"]) for entry in entries]
    assert [(told["id"], told["previous_status"], told["status"]) for told in details] == [
        (f"{JOB}:1", None, "received"),
        (f"{JOB}:2", "received", "ready"),
    ]


def test_an_event_holds_the_job_as_it_then_was(stack: Stack, load: Load) -> None:
    load("publish").handler(load_event("publish-stream.json"), None)

    told = json.loads(published(stack)[-1][0]["Detail"])

    assert told["job_id"] == JOB
    assert told["source"]["key"] == "holiday/beach.jpg"
    assert told["request"] == {
        "model": "tiny",
        "size": "64x48",
        "seconds": 4,
        "prompt": "a calm sea",
        "price_usd": "0.40",
    }
    assert told["sequence"] == len(told["history"]) == 2
    # when a job is looked at again is the stack's own affair
    assert {"wake", "due_at"}.isdisjoint(told)


def test_an_event_can_be_written_in_any_alphabet(stack: Stack, load: Load) -> None:
    event = load_event("publish-stream.json")
    event["Records"][2]["dynamodb"]["NewImage"]["request"]["M"]["prompt"] = {"S": "海浪 🎬"}

    load("publish").handler(event, None)

    assert "海浪 🎬" in published(stack)[-1][0]["Detail"]


def test_the_bus_is_the_one_that_the_stack_names(stack: Stack, load: Load, aws: Event) -> None:
    aws["events"].create_event_bus(Name="videos")

    load("publish", EVENT_BUS="videos").handler(load_event("publish-stream.json"), None)

    assert {entry["EventBusName"] for call in published(stack) for entry in call} == {"videos"}


def test_an_event_says_of_which_stack_it_is(stack: Stack, load: Load) -> None:
    load("publish", STACK_NAME="films").handler(load_event("publish-stream.json"), None)

    details = [json.loads(entry["Detail"]) for call in published(stack) for entry in call]
    assert {detail["stack"] for detail in details} == {"films"}


def test_the_same_change_has_the_same_id_whenever_it_is_read() -> None:
    bus = Bus()

    for _ in range(2):
        publish(stream(("a", "received"), ("a", "received", "ready")), bus)

    assert bus.ids() == ["a:1", "a:2"] * 2


def test_no_two_changes_of_a_job_have_one_id() -> None:
    bus = Bus()
    # given a job that was ready three times
    way = ("received", "ready", "submitting", "ready", "submitting", "ready", "held", "ready")

    publish([change("a", *way[: end + 1], number=end) for end in range(len(way))], bus)

    assert bus.ids() == [f"a:{number}" for number in range(1, len(way) + 1)]


def test_a_jobs_changes_are_published_in_their_order_one_to_a_call() -> None:
    bus = Bus()

    publish(stream(("a", "received"), ("b", "ready"), ("a", "received", "ready"), ("c", "ready")), bus)

    assert [[told["id"] for told in call] for call in bus.calls] == [["a:1", "b:1"], ["a:2", "c:1"]]


def test_no_call_holds_more_than_the_bus_takes() -> None:
    bus = Bus()

    publish(stream(*((f"job{number}", "ready") for number in range(23))), bus)

    assert [len(call) for call in bus.calls] == [10, 10, 3]


def test_what_the_bus_did_not_take_comes_again_from_there_on() -> None:
    # given that the second of three is not taken
    bus = Bus("b:1")
    records = stream(("a", "ready"), ("b", "ready"), ("c", "ready"), ("b", "ready", "held"))

    # then the stream is told where to begin again, and nothing later of that job went first
    assert publish(records, bus) == "1001"
    assert bus.ids() == ["a:1", "c:1"]

    # and the next time all of it is out
    bus.refused = []
    assert publish(records[1:], bus) is None
    assert bus.ids() == ["a:1", "c:1", "b:1", "c:1", "b:2"]


def test_of_several_that_were_not_taken_the_first_counts() -> None:
    assert publish(stream(("a", "ready"), ("b", "ready"), ("c", "ready")), Bus("c:1", "b:1")) == "1001"


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events.example.com"),
    ],
)
def test_where_the_bus_cannot_be_used_at_all_the_changes_come_again_from_there_on(
    error: ClientError | BotoCoreError,
) -> None:
    class Denied(Bus):
        def put_events(self, events: Sequence[BusEvent]) -> list[int]:
            if len(self.calls) == 1:
                raise error
            return super().put_events(events)

    bus = Denied()
    records = stream(("a", "ready"), ("b", "ready"), ("b", "ready", "held"), ("c", "ready"))

    assert publish(records, bus) == "1002"
    assert bus.ids() == ["a:1", "b:1"]


def test_a_note_before_the_failure_does_not_shift_where_it_is() -> None:
    note = change("n", "ready", "ready", number=0)

    assert publish([note, *stream(("a", "ready"), ("b", "ready"))], Bus("b:1")) == "1001"


def test_the_function_answers_with_the_first_record_that_failed(
    stack: Stack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = load_event("publish-stream.json")
    monkeypatch.setattr(EventBus, "put_events", lambda *_: [0])

    answer = load("publish").handler(event, None)

    sequence = event["Records"][0]["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence}]}


def test_an_entry_that_the_bus_refuses_is_told_by_its_place() -> None:
    class Refusing:
        def put_events(self, **_: Any) -> Any:
            return {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, {"ErrorCode": "InternalFailure"}]}

    event = BusEvent("Video Job Status Changed", {"id": "a:1"})

    assert EventBus(Refusing(), "default").put_events([event, event]) == [1]  # type: ignore[arg-type]


def test_a_batch_of_notes_alone_costs_no_call(stack: Stack, load: Load) -> None:
    event = copy.deepcopy(load_event("publish-stream.json"))
    event["Records"] = [event["Records"][1], event["Records"][3]]

    assert load("publish").handler(event, None) == {"batchItemFailures": []}
    assert stack.calls.names() == []


def test_the_sample_is_shaped_as_aws_shapes_it() -> None:
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
