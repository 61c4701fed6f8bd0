"""The sample state machines on the emulator: a video in the end, and the named failure where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.deployed_samples import call_function, deploy_sample, eventually, quiet_uploads

WAYS = ["task-token", "eventbridge"]


@pytest.fixture(scope="module")
def machines(local: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The sample machines, deployed as the README says."""
    folder, outputs = tmp_path_factory.mktemp("samples"), local.stack.outputs
    functions = {name: outputs[name] for name in ("NormalizeFunction", "SubmitFunction")}
    return {way: deploy_sample(local, f"workflow-{way}.yaml", folder, **functions)["StateMachine"] for way in WAYS}


@pytest.fixture
def quiet(local: LocalStack) -> Iterator[None]:
    with quiet_uploads(local):
        yield


def execute(local: LocalStack, machine: str, key: str, **options: Any) -> dict[str, Any]:
    """Start a machine for what lies under a key; return the execution as it ended."""
    states = local.emulator.client("stepfunctions")
    told = json.dumps({"bucket": local.stack.outputs["UploadBucket"], "key": key, **options})
    execution = states.start_execution(stateMachineArn=machine, input=told)["executionArn"]
    ended: dict[str, Any] = eventually(
        lambda: states.describe_execution(executionArn=execution), lambda got: got["status"] != "RUNNING"
    )
    return ended


def made_by_sample(local: LocalStack, name: str) -> str:
    """The physical name of a resource of the sample that waits for an event."""
    resource = local.emulator.client("cloudformation").describe_stack_resource(
        StackName="workflow-eventbridge", LogicalResourceId=name
    )
    return str(resource["StackResourceDetail"]["PhysicalResourceId"])


def is_expected(local: LocalStack, job_id: str) -> bool:
    """Whether a row says that an execution waits for the job's event."""
    key = {"job_id": {"S": job_id}}
    return "Item" in local.emulator.client("dynamodb").get_item(
        TableName=made_by_sample(local, "WaitingTable"), Key=key, ConsistentRead=True
    )


def answers(local: LocalStack, job_id: str) -> list[str]:
    """How the executions were going that a job's events started."""
    states = local.emulator.client("stepfunctions")
    found = states.list_executions(stateMachineArn=made_by_sample(local, "AnswerWorkflow"))["executions"]
    told = [states.describe_execution(executionArn=execution["executionArn"]) for execution in found]
    return [one["status"] for one in told if json.loads(one["input"])["detail"]["job_id"] == job_id]


def posts(local: LocalStack, job_id: str) -> int:
    assert local.server.fake_server is not None
    return [entry.idempotency_key for entry in local.server.fake_server.request_log.entries()].count(job_id)


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_becomes_the_video_whose_place_the_execution_ends_with(
    local: LocalStack, machines: dict[str, str], quiet: None, tmp_path: Path, way: str
) -> None:
    key = local.drop_picture(make_sample(tmp_path / f"{way}.jpg"), {})

    done = execute(local, machines[way], key, mode="pad", size="720x1280", prompt="a calm sea")

    assert done["status"] == "SUCCEEDED", done
    output = json.loads(done["output"])
    [job] = local.find_jobs(key)
    assert output == {"job_id": job["job_id"], "video": job["video"]}
    assert (job["request"]["mode"], job["request"]["size"]) == ("pad", "720x1280")
    place = output["video"]
    head = local.emulator.client("s3").head_object(Bucket=place["bucket"], Key=place["key"])
    assert head["ContentLength"] == place["bytes"]
    assert posts(local, job["job_id"]) == 1


@pytest.mark.parametrize("way", WAYS)
def test_beside_the_uploads_own_event_it_is_one_job_and_one_request(
    local: LocalStack, machines: dict[str, str], tmp_path: Path, way: str
) -> None:
    key = local.drop_picture(make_sample(tmp_path / f"beside-{way}.jpg"), {"mode": "blur"})

    done = execute(local, machines[way], key)

    assert done["status"] == "SUCCEEDED", done
    [job] = local.find_jobs(key)
    assert job["video"] == json.loads(done["output"])["video"]
    assert posts(local, job["job_id"]) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_second_execution_for_a_picture_whose_video_is_there_ends_at_once_with_the_same(
    local: LocalStack, machines: dict[str, str], quiet: None, tmp_path: Path, way: str
) -> None:
    key = local.drop_picture(make_sample(tmp_path / f"twice-{way}.jpg"), {})

    first, second = (execute(local, machines[way], key) for _ in range(2))

    assert first["status"] == second["status"] == "SUCCEEDED"
    assert first["output"] == second["output"]
    assert posts(local, json.loads(first["output"])["job_id"]) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_corrupt_picture_fails_the_execution_as_image_rejected(
    local: LocalStack, machines: dict[str, str], quiet: None, tmp_path: Path, way: str
) -> None:
    (tmp_path / f"corrupt-{way}.jpg").write_bytes(make_sample(tmp_path / "whole.jpg").read_bytes()[:9000])
    key = local.drop_picture(tmp_path / f"corrupt-{way}.jpg", {})

    done = execute(local, machines[way], key)

    assert (done["status"], done["error"]) == ("FAILED", "ImageRejected")
    [job] = local.find_jobs(key)
    assert (job["status"], job["error"]["code"]) == ("rejected", "corrupt")
    assert job["job_id"] in done["cause"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("prompt", "error"), [("moderation-block", "SubmissionRefused"), ("fail-render", "VideoFailed")]
)
def test_what_the_server_refuses_or_fails_fails_the_execution_by_name(
    local: LocalStack, machines: dict[str, str], quiet: None, tmp_path: Path, way: str, prompt: str, error: str
) -> None:
    key = local.drop_picture(make_sample(tmp_path / f"{prompt}-{way}.jpg"), {})

    done = execute(local, machines[way], key, prompt=prompt)

    assert (done["status"], done["error"]) == ("FAILED", error)
    [job] = local.find_jobs(key)
    assert (job["status"], posts(local, job["job_id"])) == ("failed", 1)


@pytest.mark.parametrize("prompt", ["a calm sea", "moderation-block", "fail-render"])
def test_the_machine_that_answers_comes_to_its_end_whatever_became_of_the_job(
    local: LocalStack, machines: dict[str, str], quiet: None, tmp_path: Path, prompt: str
) -> None:
    key = local.drop_picture(make_sample(tmp_path / f"answered-{prompt.replace(' ', '-')}.jpg"), {})

    execute(local, machines["eventbridge"], key, prompt=prompt)

    [job] = local.find_jobs(key)
    ended = eventually(lambda: answers(local, job["job_id"]), lambda got: bool(got) and "RUNNING" not in got)
    assert ended == ["SUCCEEDED"]
    # where the call of submit told of the end, nobody comes to wait for an event
    if prompt == "moderation-block":
        assert not is_expected(local, job["job_id"])


def test_where_the_video_is_here_already_no_event_is_expected(
    local: LocalStack, machines: dict[str, str], quiet: None, tmp_path: Path
) -> None:
    key = local.drop_picture(make_sample(tmp_path / "here.jpg"), {})

    done = [execute(local, machines["eventbridge"], key) for _ in range(2)][-1]

    assert done["status"] == "SUCCEEDED"
    assert not is_expected(local, json.loads(done["output"])["job_id"])


def test_whoever_was_to_wait_and_never_did_is_looked_for_a_minute_and_no_longer(
    local: LocalStack, machines: dict[str, str]
) -> None:
    # given a row whose execution was stopped, and its job's event, with which a minute is nearly over
    local.emulator.client("dynamodb").put_item(
        TableName=made_by_sample(local, "WaitingTable"), Item={"job_id": {"S": "video_stopped"}}
    )
    told = json.dumps({"detail": {"job_id": "video_stopped", "status": "failed"}, "looks": 11})

    local.emulator.client("stepfunctions").start_execution(
        stateMachineArn=made_by_sample(local, "AnswerWorkflow"), input=told
    )

    assert eventually(lambda: answers(local, "video_stopped"), lambda got: got != ["RUNNING"]) == ["SUCCEEDED"]


def test_a_wish_that_cannot_be_granted_fails_the_execution_as_request_rejected(
    local: LocalStack, machines: dict[str, str], quiet: None, tmp_path: Path
) -> None:
    key = local.drop_picture(make_sample(tmp_path / "seven.jpg"), {})

    done = execute(local, machines["task-token"], key, seconds=7)

    assert (done["status"], done["error"]) == ("FAILED", "RequestRejected")


def test_a_token_whose_execution_is_over_holds_up_nobody(
    local: LocalStack, machines: dict[str, str], quiet: None, tmp_path: Path
) -> None:
    # given a job that somebody waits for who is gone by now
    key = local.drop_picture(make_sample(tmp_path / "gone.jpg"), {})
    job = call_function(local, "NormalizeFunction", {"bucket": local.stack.outputs["UploadBucket"], "key": key})
    call_function(local, "SubmitFunction", {"job_id": job["job_id"], "task_token": "of an execution that is over"})

    # then who waits for it as well is answered all the same
    assert execute(local, machines["task-token"], key)["status"] == "SUCCEEDED"
