"""The README's shell blocks for the AWS CLI, the API, `make run` and a laptop, run as they are."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from local.sample import make_sample
from tests.e2e.measure_media import open_picture, read_clip
from tests.e2e.run_readme import ROOT, find_block, readme_blocks, run_shell, stack_setup


def test_the_cli_lines_upload_a_picture_and_fetch_its_record_and_its_video(folder_with_stack_up: Path) -> None:
    # given
    lines = find_block(". .local/env")
    [secret] = [block for block in readme_blocks() if "VideoApiKeySecret" in block]

    # when
    output = run_shell(folder_with_stack_up, lines + 'VIDEO_API_KEY="sk-local"\n' + secret)

    # then
    assert "completed" in output
    assert re.search(r"video_[0-9a-f]{32}\s+1280x720\s+video_", output)
    assert read_clip(folder_with_stack_up / "out" / "video.mp4").size == (1280, 720)


def test_the_api_lines_create_a_video_with_curl_and_with_the_sdk(folder_with_stack_up: Path) -> None:
    # given
    folder, setup = folder_with_stack_up, stack_setup()
    address, large, curl = find_block("# on AWS only"), find_block("# a large picture"), find_block("curl ")
    [rotation] = [block for block in readme_blocks() if "openssl rand" in block]
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (folder / "out").mkdir()
    (folder / "program.py").write_text(program, encoding="utf-8")
    # The emulator's API has a URL of its own, so only the token is read as on AWS.
    token = address.splitlines()[2]

    # when
    first, again = (json.loads(run_shell(folder, setup + token + "\n" + curl)) for _ in range(2))
    run_shell(folder, f"{setup}{shlex.quote(sys.executable)} -W ignore program.py")
    run_shell(folder, setup + large)
    output = run_shell(folder, setup + address.splitlines()[1] + '\necho "$OPENAI_BASE_URL"\n' + rotation)

    # then
    assert first["id"] == again["id"]
    assert (first["status"], first["size"], first["job"]["request"]["mode"]) == ("queued", "1280x720", "blur")
    assert read_clip(folder / "out" / "api.mp4").size == (1280, 720)
    assert re.match(r"https://\w+\.execute-api\.us-east-1\.amazonaws\.com/v1\n", output)
    # and the large picture has arrived
    form = json.loads((folder / "out" / "form.json").read_text())
    get = f'curl -sS "$OPENAI_BASE_URL/videos/{form["id"]}" -H "Authorization: Bearer $OPENAI_API_KEY"'
    run_shell(folder, f"{setup}until {get} | grep -E '\"(queued|in_progress|completed)\"'; do sleep 1; done")
    # and the previous token is still accepted
    assert json.loads(run_shell(folder, setup + curl))["id"] == first["id"]


def test_the_lines_for_an_unconfirmed_job_apply_an_operators_decision(folder_with_stack_up: Path) -> None:
    # given three jobs that the server accepted without a response
    setup = stack_setup()
    [function, *decisions] = decision_lines()
    server = re.search(r"http://\S+/v1", (folder_with_stack_up / "up.log").read_text())
    assert server
    fault = {"kind": "drop_connection", "point": "after_accepting"}
    request_json(server[0].replace("/v1", "/_fake_server/faults"), {"faults": [fault] * len(decisions)})
    jobs = [create_unconfirmed_job(folder_with_stack_up, setup, number) for number in range(len(decisions))]
    entries = request_json(server[0].replace("/v1", "/_fake_server/requests"))["entries"]
    video_ids = {entry["idempotency_key"]: entry["video_id"] for entry in entries}

    # when each line is run, with the ids of the job and the video
    statuses = []
    for line, job_id in zip(decisions, jobs, strict=True):
        decision = re.sub(r"video_01\w+", job_id, line).replace("video_123", video_ids[job_id])
        output = run_shell(folder_with_stack_up, setup + function + decision)
        statuses.append(json.loads(output.partition("}{")[0] + "}")["status"])

    # then
    assert statuses == ["failed", "ready", "queued"]


def decision_lines() -> list[str]:
    """Return the README's shell function for decisions, then its lines that call it."""
    function, _, calls = find_block("decide()").partition("}\n")
    return [function + "}\n", *calls.strip().splitlines()]


def create_unconfirmed_job(folder: Path, setup: str, number: int) -> str:
    """Upload a picture whose submission gets no response, and return its job's id once it is unconfirmed."""
    key = f"unconfirmed-{number}"
    put = f'aws s3api put-object --bucket "$(stack UploadBucket)" --key {key}.jpg --body .local/photo.jpg'
    put += f" --metadata prompt={key} > /dev/null\n"
    query = (
        'aws dynamodb query --table-name "$(stack JobsTable)" --index-name by-source --output text '
        "--key-condition-expression 'source_ref = :ref' --query 'Items[0].[job_id.S, status.S]' "
        f'--expression-attribute-values "{{\\":ref\\": {{\\"S\\": \\"$(stack UploadBucket)/{key}.jpg\\"}}}}"'
    )
    output = run_shell(folder, setup + put + f"until {query} | grep unconfirmed; do sleep 1; done")
    return output.split()[0]


def request_json(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())


@pytest.mark.parametrize(
    "line", [line for line in "".join(readme_blocks()).splitlines() if line.startswith("make run")]
)
def test_the_make_run_lines_send_a_picture_through_the_stack(tmp_path: Path, line: str) -> None:
    # given the user's own picture
    picture = make_sample(tmp_path / "photo.jpg")

    # when
    finished = subprocess.run(
        ["bash", "-c", f"{line} IMAGE={picture} OUT={tmp_path / 'out'}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    # then
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (tmp_path / "out" / "video.mp4").exists()


def test_the_line_for_a_laptop_makes_frames_and_the_contact_sheet(tmp_path: Path) -> None:
    # given
    line = find_block(".venv/bin/python")

    # when
    run_shell(tmp_path, line.replace(".venv/bin/python", sys.executable), environment={"PYTHONPATH": str(ROOT)})

    # then
    assert {open_picture(path).size for path in (tmp_path / "out" / "frames").iterdir()} == {(1280, 720)}
    assert (tmp_path / "out" / "contact-sheet.jpg").stat().st_size > 10_000


def test_every_shell_block_of_the_readme_is_run_by_a_test_or_by_ci() -> None:
    # given what runs each block, by its start
    runs = {
        "make run": "this file",
        ". .local/env": "this file",
        "sam build": "make deploy-local",
        "# show what EventBridge adds": "test_readme_wiring.py",
        "sam deploy --stack-name": "test_readme_wiring.py",
        "# call FUNCTION": "test_readme_wiring.py",
        "# a state machine": "test_readme_wiring.py",
        "# a mail for each video": "test_readme_wiring.py",
        "aws secretsmanager": "this file",
        "# on AWS only": "this file",
        "# a large picture": "this file",
        "curl ": "this file",
        ".venv/bin/python -m local normalize": "this file",
        "decide()": "this file",
        "# list them": "test_readme_backlog.py",
        "make bench": "nothing: it takes minutes, and asserts nothing",
        "make test": "CI",
    }

    # then
    for block in readme_blocks():
        assert any(block.startswith(start) for start in runs), f"nothing runs this block:\n{block}"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(command in ci for command in ("make lint test", "make build", "make deploy-local"))
