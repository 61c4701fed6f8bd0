"""The README's shell blocks for connecting a stack to other systems, run as they are, against `make up`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.e2e.run_readme import ROOT, find_block, readme_blocks, run_with_stack

TOPIC = "arn:aws:sns:us-east-1:000000000000:removals"


def test_the_lines_for_an_existing_bucket_have_the_stack_process_its_pictures(folder_with_stack_up: Path) -> None:
    # given a bucket of the user's that notifies a topic of removals
    [lines] = [block for block in readme_blocks() if "-m local connect-bucket" in block]
    notify = json.dumps({"TopicConfigurations": [{"TopicArn": TOPIC, "Events": ["s3:ObjectRemoved:*"]}]})
    bucket = f"""
aws s3api create-bucket --bucket my-pictures > /dev/null
aws sns create-topic --name removals > /dev/null
aws s3api put-bucket-notification-configuration --bucket my-pictures --skip-destination-validation \\
  --notification-configuration '{notify}'
"""

    # when the lines are run, and the user answers yes; then a picture is uploaded
    output = run_with_stack(
        folder_with_stack_up, bucket, lines.replace(".venv/bin/python", sys.executable), stdin="y\n"
    )
    put = "aws s3api put-object --bucket my-pictures --key photos/p.jpg --body .local/photo.jpg > /dev/null\n"
    query = (
        'aws dynamodb query --table-name "$(stack JobsTable)" --index-name by-source --output text '
        "--key-condition-expression 'source_ref = :ref' --query 'Items[0].status.S' "
        """--expression-attribute-values '{":ref": {"S": "my-pictures/photos/p.jpg"}}'"""
    )
    status = run_with_stack(folder_with_stack_up, put + f"until {query} | grep -E 'completed|failed'; do sleep 1; done")
    after = run_with_stack(folder_with_stack_up, "aws s3api get-bucket-notification-configuration --bucket my-pictures")

    # then
    assert '+  "EventBridgeConfiguration": {}' in output
    assert status.strip() == "completed"
    assert [topic["TopicArn"] for topic in json.loads(after)["TopicConfigurations"]] == [TOPIC]


def test_the_lines_for_another_stack_deploy_it_tag_it_and_list_its_outputs(folder_with_stack_up: Path) -> None:
    # given
    lines = find_block("sam deploy --stack-name")

    # when
    listed = run_with_stack(folder_with_stack_up, "VIDEO_API_KEY=sk-other\n" + lines)
    first_bucket = run_with_stack(folder_with_stack_up, "stack UploadBucket")
    tags = run_with_stack(
        folder_with_stack_up,
        "aws resourcegroupstaggingapi get-resources --tag-filters Key=team,Values=films --output text "
        "--query 'ResourceTagMappingList[].ResourceARN'",
    )

    # then
    exports = dict(line.split("\t") for line in listed.strip().splitlines())
    assert {"trailers-UploadBucket", "trailers-JobsTable", "trailers-SweepFunction"} <= exports.keys()
    assert all(name.startswith("trailers-") for name in exports)
    assert first_bucket.strip() not in exports.values()
    assert any(":function:trailers-" in arn for arn in tags.split())


def test_the_lines_for_direct_invocations_make_a_frame_and_submit_it(folder_with_stack_up: Path) -> None:
    # given a picture whose event is ignored
    lines = find_block("# call FUNCTION")
    picture = upload_without_event(folder_with_stack_up, "photos/invoked.jpg")

    # when
    output = run_with_stack(folder_with_stack_up, picture, lines)

    # then
    ready, submitted = find_jobs(output)
    assert (ready["status"], ready["copy"]["width"], ready["copy"]["mode"]) == ("ready", 720, "pad")
    assert (submitted["status"], submitted["job_id"]) == ("queued", ready["job_id"])


def test_the_lines_for_state_machines_deploy_both_and_start_one_that_succeeds(folder_with_stack_up: Path) -> None:
    # given
    lines = find_block("# a state machine")
    picture = upload_without_event(folder_with_stack_up, "photos/flow.jpg")
    picture += "CODE_BUCKET=code\naws s3 mb s3://code > /dev/null\n"

    # when
    output = run_with_stack(folder_with_stack_up, picture, lines)
    execution = re.search(r"arn:aws:states:\S+:execution:[^\s\"]+", output)
    assert execution
    describe = (
        f"aws stepfunctions describe-execution --execution-arn {execution[0]} --output text --query '[status, output]'"
    )
    result = run_with_stack(folder_with_stack_up, f"until {describe} | grep -v RUNNING; do sleep 1; done")

    # then
    assert result.startswith("SUCCEEDED")
    assert '"key": "videos/video_' in result
    assert "video-workflow-by-event" in run_with_stack(folder_with_stack_up, "aws stepfunctions list-state-machines")


def test_the_lines_for_rules_deploy_them(folder_with_stack_up: Path) -> None:
    # given a function of the user's
    lines = find_block("# a mail for each video")
    function = 'FUNCTION_ARN="$(aws lambda get-function --function-name "$(stack SweepFunction)" --output text'
    function += ' --query Configuration.FunctionArn)"\n'
    link_samples(folder_with_stack_up)

    # when
    run_with_stack(folder_with_stack_up, function, lines)
    targets = run_with_stack(
        folder_with_stack_up,
        "for stack in video-mails video-receiver; do "
        'aws events list-targets-by-rule --output text --query "Targets[].Arn" '
        '--rule "$(aws events list-rules --output text --query "Rules[?starts_with(Name, \'$stack\')].Name")"; done',
    )

    # then
    mail_target, function_target = targets.strip().splitlines()
    assert ":sns:" in mail_target
    assert ":function:" in function_target


def upload_without_event(folder: Path, key: str) -> str:
    """Return lines that upload a picture of which no event makes a job, as outside `UploadPrefix`."""
    link_samples(folder)
    return f"""
key={key}
rule="$(aws cloudformation describe-stack-resource --stack-name sora-ready --logical-resource-id PictureUploaded \\
  --output text --query StackResourceDetail.PhysicalResourceId)"
aws events disable-rule --name "$rule"
aws s3api put-object --bucket "$(stack UploadBucket)" --key "$key" --body .local/photo.jpg > /dev/null
"""


def link_samples(folder: Path) -> None:
    """Put the samples of events/ where the README's lines expect them."""
    (folder / "events").symlink_to(ROOT / "events")


def find_jobs(output: str) -> list[dict[str, Any]]:
    """Return the jobs among the JSON objects that invocations printed."""
    jobs, decoder, start = [], json.JSONDecoder(), output.find("{")
    while start >= 0:
        value, end = decoder.raw_decode(output, start)
        jobs += [value] if "job_id" in value else []
        start = output.find("{", end)
    return jobs
