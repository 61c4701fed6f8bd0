"""The sample state machines on the emulator: they end with the video, or fail with the name of the error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.sample import make_sample
from local.stack import LocalStack
from tests.e2e.deployed_samples import deploy_sample, eventually, invoke_function, physical_id, uploads_ignored
from tests.e2e.wait_for_jobs import submissions_of

SAMPLES = ["task-token", "eventbridge"]


@pytest.fixture(scope="module")
def machines(local: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The ARNs of the sample machines, deployed as in the README."""
    folder, outputs = tmp_path_factory.mktemp("samples"), local.stack.outputs
    functions = {name: outputs[name] for name in ("NormalizeFunction", "SubmitFunction")}
    return {
        sample: deploy_sample(local, f"workflow-{sample}.yaml", folder, functions)["StateMachine"] for sample in SAMPLES
    }


@pytest.fixture
def no_upload_events(local: LocalStack) -> Iterator[None]:
    with uploads_ignored(local):
        yield


def execute(local: LocalStack, machine: str, key: str, **options: Any) -> dict[str, Any]:
    """Start a machine for the object of a key; return the execution when it has ended."""
    states = local.emulator.client("stepfunctions")
    source = {"bucket": local.stack.outputs["UploadBucket"], "key": key}
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(source | options))["executionArn"]
    ended: dict[str, Any] = eventually(
        lambda: states.describe_execution(executionArn=execution), lambda execution: execution["status"] != "RUNNING"
    )
    return ended


def is_expected(local: LocalStack, job_id: str) -> bool:
    """Return whether the sample's table says that an execution waits for the job's event."""
    key = {"job_id": {"S": job_id}}
    return "Item" in local.emulator.client("dynamodb").get_item(
        TableName=physical_id(local, "workflow-eventbridge", "WaitingTable"), Key=key, ConsistentRead=True
    )


def answer_statuses(local: LocalStack, job_id: str) -> list[str]:
    """Return the statuses of the executions that a job's events started."""
    states = local.emulator.client("stepfunctions")
    listed = states.list_executions(stateMachineArn=physical_id(local, "workflow-eventbridge", "AnswerWorkflow"))[
        "executions"
    ]
    executions = [states.describe_execution(executionArn=execution["executionArn"]) for execution in listed]
    return [each["status"] for each in executions if json.loads(each["input"])["detail"]["job_id"] == job_id]


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_execution_for_a_picture_ends_with_the_location_of_its_video(
    local: LocalStack, machines: dict[str, str], no_upload_events: None, tmp_path: Path, sample: str
) -> None:
    key = local.upload_picture(make_sample(tmp_path / f"{sample}.jpg"), {})

    done = execute(local, machines[sample], key, mode="pad", size="720x1280", prompt="a calm sea")

    assert done["status"] == "SUCCEEDED", done
    output = json.loads(done["output"])
    [job] = local.find_jobs(key)
    assert output == {"job_id": job["job_id"], "video": job["video"]}
    assert (job["request"]["mode"], job["request"]["size"]) == ("pad", "720x1280")
    video = output["video"]
    head = local.emulator.client("s3").head_object(Bucket=video["bucket"], Key=video["key"])
    assert head["ContentLength"] == video["bytes"]
    assert len(submissions_of(local, job["job_id"])) == 1


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_execution_beside_the_uploads_own_event_is_one_job_and_one_submission(
    local: LocalStack, machines: dict[str, str], tmp_path: Path, sample: str
) -> None:
    key = local.upload_picture(make_sample(tmp_path / f"beside-{sample}.jpg"), {"mode": "blur"})

    done = execute(local, machines[sample], key)

    assert done["status"] == "SUCCEEDED", done
    [job] = local.find_jobs(key)
    assert job["video"] == json.loads(done["output"])["video"]
    assert len(submissions_of(local, job["job_id"])) == 1


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_second_execution_for_a_picture_with_a_video_ends_at_once_with_the_same_output(
    local: LocalStack, machines: dict[str, str], no_upload_events: None, tmp_path: Path, sample: str
) -> None:
    key = local.upload_picture(make_sample(tmp_path / f"twice-{sample}.jpg"), {})

    first, second = (execute(local, machines[sample], key) for _ in range(2))

    assert first["status"] == second["status"] == "SUCCEEDED"
    assert first["output"] == second["output"]
    assert len(submissions_of(local, json.loads(first["output"])["job_id"])) == 1


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_corrupt_picture_fails_the_execution_as_image_rejected(
    local: LocalStack, machines: dict[str, str], no_upload_events: None, tmp_path: Path, sample: str
) -> None:
    (tmp_path / f"corrupt-{sample}.jpg").write_bytes(make_sample(tmp_path / "whole.jpg").read_bytes()[:9000])
    key = local.upload_picture(tmp_path / f"corrupt-{sample}.jpg", {})

    done = execute(local, machines[sample], key)

    assert (done["status"], done["error"]) == ("FAILED", "ImageRejected")
    [job] = local.find_jobs(key)
    assert (job["status"], job["error"]["code"]) == ("rejected", "corrupt")
    assert job["job_id"] in done["cause"]


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(
    ("prompt", "error"), [("moderation-block", "SubmissionRefused"), ("fail-render", "VideoFailed")]
)
def test_a_refusal_or_a_failure_of_the_server_fails_the_execution_by_name(
    local: LocalStack,
    machines: dict[str, str],
    no_upload_events: None,
    tmp_path: Path,
    sample: str,
    prompt: str,
    error: str,
) -> None:
    key = local.upload_picture(make_sample(tmp_path / f"{prompt}-{sample}.jpg"), {})

    done = execute(local, machines[sample], key, prompt=prompt)

    assert (done["status"], done["error"]) == ("FAILED", error)
    [job] = local.find_jobs(key)
    assert (job["status"], len(submissions_of(local, job["job_id"]))) == ("failed", 1)


@pytest.mark.parametrize("prompt", ["a calm sea", "moderation-block", "fail-render"])
def test_the_answer_machine_succeeds_whatever_the_result_of_the_job(
    local: LocalStack, machines: dict[str, str], no_upload_events: None, tmp_path: Path, prompt: str
) -> None:
    key = local.upload_picture(make_sample(tmp_path / f"result-{prompt.replace(' ', '-')}.jpg"), {})

    execute(local, machines["eventbridge"], key, prompt=prompt)

    [job] = local.find_jobs(key)
    ended = eventually(
        lambda: answer_statuses(local, job["job_id"]), lambda statuses: bool(statuses) and "RUNNING" not in statuses
    )
    assert ended == ["SUCCEEDED"]
    # if submit already returned an ended job, no execution waits for an event
    if prompt == "moderation-block":
        assert not is_expected(local, job["job_id"])


def test_no_event_is_expected_if_the_video_exists_already(
    local: LocalStack, machines: dict[str, str], no_upload_events: None, tmp_path: Path
) -> None:
    key = local.upload_picture(make_sample(tmp_path / "existing.jpg"), {})

    done = [execute(local, machines["eventbridge"], key) for _ in range(2)][-1]

    assert done["status"] == "SUCCEEDED"
    assert not is_expected(local, json.loads(done["output"])["job_id"])


def test_the_answer_machine_looks_for_a_task_token_for_a_minute_and_no_longer(
    local: LocalStack, machines: dict[str, str]
) -> None:
    # given an item of the table whose execution was stopped, and its job's event, after nearly a minute of lookups
    local.emulator.client("dynamodb").put_item(
        TableName=physical_id(local, "workflow-eventbridge", "WaitingTable"), Item={"job_id": {"S": "video_stopped"}}
    )
    event = {"detail": {"job_id": "video_stopped", "status": "failed"}, "lookups": 11}

    local.emulator.client("stepfunctions").start_execution(
        stateMachineArn=physical_id(local, "workflow-eventbridge", "AnswerWorkflow"), input=json.dumps(event)
    )

    assert eventually(lambda: answer_statuses(local, "video_stopped"), lambda statuses: statuses != ["RUNNING"]) == [
        "SUCCEEDED"
    ]


def test_an_unusable_option_fails_the_execution_as_request_rejected(
    local: LocalStack, machines: dict[str, str], no_upload_events: None, tmp_path: Path
) -> None:
    key = local.upload_picture(make_sample(tmp_path / "seven.jpg"), {})

    done = execute(local, machines["task-token"], key, seconds=7)

    assert (done["status"], done["error"]) == ("FAILED", "RequestRejected")


def test_a_task_token_of_an_ended_execution_does_not_block_others(
    local: LocalStack, machines: dict[str, str], no_upload_events: None, tmp_path: Path
) -> None:
    # given a job with the task token of an execution that has ended
    key = local.upload_picture(make_sample(tmp_path / "gone.jpg"), {})
    job = invoke_function(local, "NormalizeFunction", {"bucket": local.stack.outputs["UploadBucket"], "key": key})
    invoke_function(local, "SubmitFunction", {"job_id": job["job_id"], "task_token": "of an execution that has ended"})

    # then another execution that waits for it gets its result
    assert execute(local, machines["task-token"], key)["status"] == "SUCCEEDED"
