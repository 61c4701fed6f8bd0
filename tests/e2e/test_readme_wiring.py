"""The README's recipes for wiring a stack in, pasted as they stand, work against `make up`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.e2e.run_readme import ROOT, blocks_of_readme, paste

TOPIC = "arn:aws:sns:us-east-1:000000000000:removals"


def test_the_lines_for_a_bucket_that_is_there_have_the_stack_take_its_pictures_from_it(
    folder_with_stack_up: Path,
) -> None:
    # given a bucket of the person's, which announces removals to a topic
    [lines] = [block for block in blocks_of_readme() if "-m local connect-bucket" in block]
    notify = json.dumps({"TopicConfigurations": [{"TopicArn": TOPIC, "Events": ["s3:ObjectRemoved:*"]}]})
    given = f"""
aws s3api create-bucket --bucket my-pictures > /dev/null
aws sns create-topic --name removals > /dev/null
aws s3api put-bucket-notification-configuration --bucket my-pictures --skip-destination-validation \\
  --notification-configuration '{notify}'
"""

    # when they are pasted, and the person says yes; then a picture is dropped
    said = paste(folder_with_stack_up, given, lines.replace(".venv/bin/python", sys.executable), stdin="y\n")
    dropped = "aws s3api put-object --bucket my-pictures --key photos/p.jpg --body .local/photo.jpg > /dev/null\n"
    look = (
        'aws dynamodb query --table-name "$(stack JobsTable)" --index-name by-source --output text '
        "--key-condition-expression 'source_ref = :ref' --query 'Items[0].status.S' "
        """--expression-attribute-values '{":ref": {"S": "my-pictures/photos/p.jpg"}}'"""
    )
    ended = paste(folder_with_stack_up, dropped + f"until {look} | grep -E 'completed|failed'; do sleep 1; done")
    after = paste(folder_with_stack_up, "aws s3api get-bucket-notification-configuration --bucket my-pictures")

    # then
    assert '+  "EventBridgeConfiguration": {}' in said
    assert ended.strip() == "completed"
    assert [topic["TopicArn"] for topic in json.loads(after)["TopicConfigurations"]] == [TOPIC]


def test_the_lines_for_another_stack_deploy_it_tag_it_and_list_its_outputs(folder_with_stack_up: Path) -> None:
    # given
    [lines] = [block for block in blocks_of_readme() if block.startswith("sam deploy --stack-name")]

    # when
    listed = paste(folder_with_stack_up, "VIDEO_API_KEY=sk-other\n" + lines)
    mine = paste(folder_with_stack_up, "stack UploadBucket")
    tags = paste(
        folder_with_stack_up,
        "aws resourcegroupstaggingapi get-resources --tag-filters Key=team,Values=films --output text "
        "--query 'ResourceTagMappingList[].ResourceARN'",
    )

    # then
    exports = dict(line.split("\t") for line in listed.strip().splitlines())
    assert {"trailers-UploadBucket", "trailers-JobsTable", "trailers-SweepFunction"} <= exports.keys()
    assert all(name.startswith("trailers-") for name in exports)
    assert mine.strip() not in exports.values()
    assert any(":function:trailers-" in arn for arn in tags.split())


def test_the_lines_for_calls_make_a_frame_alone_and_have_it_sent(folder_with_stack_up: Path) -> None:
    # given a picture that wakes nothing by itself
    [lines] = [block for block in blocks_of_readme() if block.startswith("# call FUNCTION")]
    given = quiet_picture(folder_with_stack_up, "photos/called.jpg")

    # when
    said = paste(folder_with_stack_up, given, lines)

    # then
    made, sent = answers(said)
    assert (made["status"], made["copy"]["width"], made["copy"]["mode"]) == ("ready", 720, "pad")
    assert (sent["status"], sent["job_id"]) == ("queued", made["job_id"])


def test_the_lines_for_state_machines_deploy_both_and_start_one_that_succeeds(folder_with_stack_up: Path) -> None:
    # given
    [lines] = [block for block in blocks_of_readme() if block.startswith("# a state machine")]
    given = quiet_picture(folder_with_stack_up, "photos/flow.jpg")
    given += "CODE_BUCKET=code\naws s3 mb s3://code > /dev/null\n"

    # when
    said = paste(folder_with_stack_up, given, lines)
    execution = re.search(r"arn:aws:states:\S+:execution:[^\s\"]+", said)
    assert execution
    look = (
        f"aws stepfunctions describe-execution --execution-arn {execution[0]} --output text --query '[status, output]'"
    )
    ended = paste(folder_with_stack_up, f"until {look} | grep -v RUNNING; do sleep 1; done")

    # then
    assert ended.startswith("SUCCEEDED")
    assert '"key": "videos/video_' in ended
    assert "video-workflow-by-event" in paste(folder_with_stack_up, "aws stepfunctions list-state-machines")


def test_the_lines_for_rules_deploy_them(folder_with_stack_up: Path) -> None:
    # given somebody's function
    [lines] = [block for block in blocks_of_readme() if block.startswith("# a mail for each video")]
    given = 'FUNCTION_ARN="$(aws lambda get-function --function-name "$(stack SweepFunction)" --output text'
    given += ' --query Configuration.FunctionArn)"\n'
    link_samples(folder_with_stack_up)

    # when
    paste(folder_with_stack_up, given, lines)
    targets = paste(
        folder_with_stack_up,
        "for stack in video-mails video-receiver; do "
        'aws events list-targets-by-rule --output text --query "Targets[].Arn" '
        '--rule "$(aws events list-rules --output text --query "Rules[?starts_with(Name, \'$stack\')].Name")"; done',
    )

    # then
    mails, function = targets.strip().splitlines()
    assert ":sns:" in mails
    assert ":function:" in function


def quiet_picture(folder: Path, key: str) -> str:
    """The lines that drop a picture which no event makes a job of, as where it lies outside `UploadPrefix`."""
    link_samples(folder)
    return f"""
key={key}
rule="$(aws cloudformation describe-stack-resource --stack-name sora-ready --logical-resource-id PictureUploaded \\
  --output text --query StackResourceDetail.PhysicalResourceId)"
aws events disable-rule --name "$rule"
aws s3api put-object --bucket "$(stack UploadBucket)" --key "$key" --body .local/photo.jpg > /dev/null
"""


def link_samples(folder: Path) -> None:
    """Have the samples where the lines look for them."""
    (folder / "events").symlink_to(ROOT / "events")


def answers(said: str) -> list[dict[str, Any]]:
    """The jobs among what calls printed, each followed by what the CLI tells of the call."""
    found, decoder, place = [], json.JSONDecoder(), said.find("{")
    while place >= 0:
        told, end = decoder.raw_decode(said, place)
        found += [told] if "job_id" in told else []
        place = said.find("{", end)
    return found
