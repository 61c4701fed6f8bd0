"""The README's block for a backlog, run as it is, against `make up` and a fake of S3 Batch Operations."""

from __future__ import annotations

import csv
from pathlib import Path
from urllib.parse import unquote_plus

from local.sample import make_sample
from tests.e2e.fake_s3_batch import serve_batch_operations
from tests.e2e.run_readme import find_block, run_shell, stack_setup

GOOD_KEYS = ("photos/a b+c.jpg", "photos/假日, 100%25.jpg", "photos/deep/er/é\"'.jpg")
CORRUPT_KEY = "photos/torn.jpg"
LIST_JOBS = """
for count in $(seq 100); do
  aws dynamodb scan --table-name "$(stack JobsTable)" --output text \\
    --query 'Items[].[source.M.key.S, status.S, request.M.size.S, request.M.prompt.S, invocation.M.channel.S]' > jobs
  test "$(grep -c completed jobs)" -ge EXPECTED && break
  sleep 0.5
done
cat jobs
"""


def run(folder: Path, lines: str, environment: dict[str, str] | None = None) -> str:
    return run_shell(folder, lines, "-o", "pipefail", environment=environment)


def test_the_lines_for_a_backlog_process_existing_pictures_and_report_on_each(folder_with_stack_up: Path) -> None:
    folder = folder_with_stack_up
    lines, setup = find_block("# list them"), stack_setup()
    variables = dict(line.split("=", 1) for line in run(folder, ". .local/env; env -0").split("\0") if "=" in line)

    with serve_batch_operations(variables) as service:
        # given pictures in the bucket that sent no event, one of them corrupt
        s3 = service.client("s3")
        bucket = run(folder, setup + "stack UploadBucket").strip()
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        picture = make_sample(folder / "photo.jpg").read_bytes()
        for key in (*GOOD_KEYS, CORRUPT_KEY):
            s3.put_object(Bucket=bucket, Key=key, Body=picture if key in GOOD_KEYS else picture[:9000])
        s3.put_object(Bucket=bucket, Key="elsewhere/other.jpg", Body=picture)

        # when the lines are run
        endpoint = {"AWS_ENDPOINT_URL_S3_CONTROL": "http://batch-operations.test", "http_proxy": service.proxy}
        run(folder, setup + lines, endpoint)

    # then the batch job succeeded with its role's permissions, and its report has a line for each picture
    assert service.failure is None
    assert service.request["Operation"]["LambdaInvoke"]["UserArguments"]["mode"] == "blur"
    [report] = (folder / "out" / "report").glob("*.csv")
    rows = {unquote_plus(row[1]): row for row in csv.reader(report.read_text(encoding="utf-8").splitlines())}
    assert set(rows) == {*GOOD_KEYS, CORRUPT_KEY}
    assert all(rows[key][3] == "succeeded" for key in GOOD_KEYS)
    assert rows[CORRUPT_KEY][3:6] == ["failed", "200", "PermanentFailure"]
    assert "is rejected, corrupt: " in rows[CORRUPT_KEY][6]

    # and each good picture becomes the requested video
    listed = run(folder, setup + LIST_JOBS.replace("EXPECTED", str(len(GOOD_KEYS))))
    jobs = {line.split("\t")[0]: line.split("\t")[1:] for line in listed.splitlines()}
    assert {key: jobs[key] for key in GOOD_KEYS} == {
        key: ["completed", "1280x720", "The waves roll in, slowly", "backfill"] for key in GOOD_KEYS
    }
    assert set(jobs) == {*GOOD_KEYS, CORRUPT_KEY}
