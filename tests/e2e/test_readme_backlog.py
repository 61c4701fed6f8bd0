"""The README's recipe for a backlog, pasted as it stands, against `make up` and a fake video server for S3 Batch Operations."""

from __future__ import annotations

import csv
import os
import subprocess
from pathlib import Path
from urllib.parse import unquote_plus

from local.sample import make_sample
from tests.e2e.fake_s3_batch import serve_batch_operations
from tests.e2e.run_readme import blocks_of_readme

GOOD = ("photos/a b+c.jpg", "photos/假日, 100%25.jpg", "photos/deep/er/é\"'.jpg")
CORRUPT = "photos/torn.jpg"
TALLY = """
for count in $(seq 100); do
  aws dynamodb scan --table-name "$(stack JobsTable)" --output text \\
    --query 'Items[].[source.M.key.S, status.S, request.M.size.S, request.M.prompt.S, caller.M.door.S]' > jobs
  test "$(grep -c completed jobs)" -ge WANTED && break
  sleep 0.5
done
cat jobs
"""


def run(folder: Path, lines: str, **environment: str) -> str:
    finished = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", lines],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_the_lines_for_a_backlog_take_up_what_lies_there_and_report_on_each(folder_with_stack_up: Path) -> None:
    folder = folder_with_stack_up
    [recipe] = [block for block in blocks_of_readme() if block.startswith("# list them")]
    [first] = [block for block in blocks_of_readme() if block.startswith(". .local/env")]
    stack = first[: first.index("# drop a picture")]
    environment = dict(line.split("=", 1) for line in run(folder, ". .local/env; env -0").split("\0") if "=" in line)

    with serve_batch_operations(environment) as service:
        # given pictures in the bucket that nobody announced, one of them torn
        s3 = service.client("s3")
        bucket = run(folder, stack + "stack UploadBucket").strip()
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        picture = make_sample(folder / "photo.jpg").read_bytes()
        for key in (*GOOD, CORRUPT):
            s3.put_object(Bucket=bucket, Key=key, Body=picture if key in GOOD else picture[:9000])
        s3.put_object(Bucket=bucket, Key="elsewhere/other.jpg", Body=picture)

        # when the lines are pasted
        reach = {"AWS_ENDPOINT_URL_S3_CONTROL": "http://batch-operations.test", "http_proxy": service.proxy}
        run(folder, stack + recipe, **reach)

    # then the batch job did as its role allows, and its report tells of each picture
    assert service.failure is None
    assert service.asked["Operation"]["LambdaInvoke"]["UserArguments"]["mode"] == "blur"
    [report] = (folder / "out" / "report").glob("*.csv")
    rows = {unquote_plus(row[1]): row for row in csv.reader(report.read_text(encoding="utf-8").splitlines())}
    assert set(rows) == {*GOOD, CORRUPT}
    assert all(rows[key][3] == "succeeded" for key in GOOD)
    assert rows[CORRUPT][3:6] == ["failed", "200", "PermanentFailure"]
    assert "is rejected, corrupt: " in rows[CORRUPT][6]

    # and each that can be used becomes the video that was asked for
    told = run(folder, stack + TALLY.replace("WANTED", str(len(GOOD))))
    jobs = {line.split("\t")[0]: line.split("\t")[1:] for line in told.splitlines()}
    assert {key: jobs[key] for key in GOOD} == {
        key: ["completed", "1280x720", "The waves roll in, slowly", "backfill"] for key in GOOD
    }
    assert set(jobs) == {*GOOD, CORRUPT}
