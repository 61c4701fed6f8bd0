"""The README's AWS CLI lines, pasted as they stand, work against `make up`."""

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
from tests.e2e.run_readme import ROOT, blocks_of_readme, shell


def test_the_cli_lines_drop_a_picture_and_bring_back_its_record_and_its_video(folder_with_stack_up: Path) -> None:
    # given
    [lines] = [block for block in blocks_of_readme() if block.startswith(". .local/env")]
    [secret] = [block for block in blocks_of_readme() if "VideoApiKeySecret" in block]

    # when
    pasted = subprocess.run(
        ["bash", "-e", "-c", lines + 'VIDEO_API_KEY="sk-local"\n' + secret],
        cwd=folder_with_stack_up,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    # then
    assert pasted.returncode == 0, pasted.stdout + pasted.stderr
    assert "completed" in pasted.stdout
    assert re.search(r"video_[0-9a-f]{32}\s+1280x720\s+video_", pasted.stdout)
    assert read_clip(folder_with_stack_up / "out" / "video.mp4").size == (1280, 720)


def test_the_lines_for_the_api_make_a_video_by_curl_and_by_the_sdk(folder_with_stack_up: Path) -> None:
    # given
    [lines] = [block for block in blocks_of_readme() if block.startswith(". .local/env")]
    [address] = [block for block in blocks_of_readme() if block.startswith("# on AWS only")]
    [large] = [block for block in blocks_of_readme() if block.startswith("# a large picture")]
    [curl] = [block for block in blocks_of_readme() if block.startswith("curl ")]
    [rotation] = [block for block in blocks_of_readme() if "openssl rand" in block]
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (folder_with_stack_up / "out").mkdir()
    (folder_with_stack_up / "program.py").write_text(program, encoding="utf-8")
    stack = lines[: lines.index("# drop a picture")]
    # The emulator answers at an address of its own, so here only the token is read as on AWS.
    token = address.splitlines()[2]

    # when
    first, again = (json.loads(shell(folder_with_stack_up, stack + token + "\n" + curl)) for _ in range(2))
    shell(folder_with_stack_up, f"{stack}{shlex.quote(sys.executable)} -W ignore program.py")
    shell(folder_with_stack_up, stack + large)
    told = shell(folder_with_stack_up, stack + address.splitlines()[1] + '\necho "$OPENAI_BASE_URL"\n' + rotation)

    # then
    assert first["id"] == again["id"]
    assert (first["status"], first["size"], first["job"]["request"]["mode"]) == ("queued", "1280x720", "blur")
    assert read_clip(folder_with_stack_up / "out" / "api.mp4").size == (1280, 720)
    assert re.match(r"https://\w+\.execute-api\.us-east-1\.amazonaws\.com/v1\n", told)
    # and the large picture is on its way, its job no longer waiting for it
    form = json.loads((folder_with_stack_up / "out" / "form.json").read_text())
    look = f'curl -sS "$OPENAI_BASE_URL/videos/{form["id"]}" -H "Authorization: Bearer $OPENAI_API_KEY"'
    shell(folder_with_stack_up, f"{stack}until {look} | grep -E '\"(queued|in_progress|completed)\"'; do sleep 1; done")
    # and the token of before is good for a while
    assert json.loads(shell(folder_with_stack_up, stack + curl))["id"] == first["id"]


def test_the_lines_for_a_job_in_doubt_carry_out_what_a_person_decides(folder_with_stack_up: Path) -> None:
    # given three jobs that the server took without an answer
    [lines] = [block for block in blocks_of_readme() if block.startswith(". .local/env")]
    stack = lines[: lines.index("# drop a picture")]
    [decide, *decisions] = doubt_lines()
    server = re.search(r"http://\S+/v1", (folder_with_stack_up / "up.log").read_text())
    assert server
    dropping = {"kind": "drop_connection", "point": "after_accepting"}
    ask(server[0].replace("/v1", "/_fake_server/faults"), {"faults": [dropping] * len(decisions)})
    jobs = [doubtful_job(folder_with_stack_up, stack, number) for number in range(len(decisions))]
    bought = {
        entry["idempotency_key"]: entry["video_id"]
        for entry in ask(server[0].replace("/v1", "/_fake_server/requests"))["entries"]
    }

    # when each line is pasted, with the job and the video that it is about
    statuses = []
    for line, job in zip(decisions, jobs, strict=True):
        pasted = re.sub(r"video_01\w+", job, line).replace("video_123", bought[job])
        statuses.append(json.loads(shell(folder_with_stack_up, stack + decide + pasted).partition("}{")[0] + "}"))

    # then
    assert [told["status"] for told in statuses] == ["failed", "ready", "queued"]


def doubt_lines() -> list[str]:
    """The README's function for decisions, then its lines that call it."""
    [block] = [block for block in blocks_of_readme() if block.startswith("decide()")]
    function, _, calls = block.partition("}\n")
    return [function + "}\n", *calls.strip().splitlines()]


def doubtful_job(folder: Path, stack: str, number: int) -> str:
    """Drop a picture whose submission is never answered, and return its job once that is on record."""
    put = f'aws s3api put-object --bucket "$(stack UploadBucket)" --key doubt-{number}.jpg --body .local/photo.jpg'
    put += f" --metadata prompt=doubt-{number} > /dev/null\n"
    look = (
        'aws dynamodb query --table-name "$(stack JobsTable)" --index-name by-source --output text '
        "--key-condition-expression 'source_ref = :ref' --query 'Items[0].[job_id.S, status.S]' "
        f'--expression-attribute-values "{{\\":ref\\": {{\\"S\\": \\"$(stack UploadBucket)/doubt-{number}.jpg\\"}}}}"\n'
    )
    told = shell(folder, stack + put + f"until {look.strip()} | grep unconfirmed; do sleep 1; done")
    return told.split()[0]


def ask(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize(
    "line", [line for line in "".join(blocks_of_readme()).splitlines() if line.startswith("make run")]
)
def test_the_make_run_lines_send_a_picture_through(tmp_path: Path, line: str) -> None:
    # given the person's own picture
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


def test_the_line_for_a_laptop_makes_frames_and_the_sheet_that_is_shown(tmp_path: Path) -> None:
    # given
    [line] = [block for block in blocks_of_readme() if block.startswith(".venv/bin/python")]

    # when
    finished = subprocess.run(
        ["bash", "-c", line.replace(".venv/bin/python", sys.executable)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    # then
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert {open_picture(path).size for path in (tmp_path / "out" / "frames").iterdir()} == {(1280, 720)}
    assert (tmp_path / "out" / "contact-sheet.jpg").stat().st_size > 10_000


def test_every_shell_block_of_the_readme_is_run_by_a_test_or_by_ci() -> None:
    # given what runs each: the tests here, and CI
    runs = {
        "make run": "the test above",
        ". .local/env": "the test above",
        "sam build": "make deploy-local",
        "# show what EventBridge adds": "test_readme_wiring.py",
        "sam deploy --stack-name": "test_readme_wiring.py",
        "# call FUNCTION": "test_readme_wiring.py",
        "# a state machine": "test_readme_wiring.py",
        "# a mail for each video": "test_readme_wiring.py",
        "aws secretsmanager": "the test above",
        "# on AWS only": "the test above",
        "# a large picture": "the test above",
        "curl ": "the test above",
        ".venv/bin/python -m local normalize": "the test above",
        "decide()": "the test above",
        "# list them": "test_readme_backlog.py",
        "make bench": "the one who measures: it takes minutes, and asserts nothing",
        "make test": "CI",
    }

    # then
    for block in blocks_of_readme():
        assert any(block.startswith(start) for start in runs), f"nothing runs this block:\n{block}"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(command in ci for command in ("make lint test", "make build", "make deploy-local"))
