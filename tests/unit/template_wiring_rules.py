"""The rules for a stack among others: what it does to a bucket that is not its own, what tells it from its like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.unit.template_rules import BUCKET, Template, as_list, nested, of_type, properties, target

POLICY = "AWS::S3::BucketPolicy"
OWN = "OwnsUploadBucket"
UPLOAD_BUCKET = {"Fn::If": [OWN, {"Ref": "UploadBucket"}, {"Ref": "ExistingUploadBucket"}]}
NAMES = {
    *("FunctionName", "QueueName", "TableName", "BucketName", "RoleName", "LogGroupName", "LayerName", "TopicName"),
    *("AlarmName", "DashboardName", "StateMachineName", "UsagePlanName", "RuleName", "Name"),
}
"""The properties that name a thing in the account."""
# EventBridge's own limits, and S3's for a bucket's name.
LONGEST_PATTERN, LONGEST_BUCKET = 2048, 63
PICTURES = (
    *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "tif", "tiff", "bmp", "webp", "avif", "heic", "heif", "mpo"),
    # Meant as pictures, and not read: their records say so.
    *("svg", "psd", "dng", "cr2", "nef", "jxl", "jp2"),
)
NO_PICTURES = ("txt", "md", "csv", "json", "xml", "pdf", "zip", "gz", "mp4", "mov", "log", "html", "parquet", "xmp")
REPOSITORY = {
    "Name": r"[A-Za-z0-9-]{1,140}",
    "Description": r".{1,256}",
    "Author": r"[a-z0-9](-?[a-z0-9]){0,126}",
    "SpdxLicenseId": r"MIT",
    "LicenseUrl": r"LICENSE",
    "ReadmeUrl": r"README\.md",
    "SemanticVersion": r"\d+\.\d+\.\d+",
}
"""What the Serverless Application Repository takes for each field."""


def uses(value: Any, name: str, *, may: bool = False) -> Iterator[bool]:
    """For each mention of a resource whether it stands where the condition of its own bucket holds."""
    if isinstance(value, dict):
        branches = value.get("Fn::If")
        if isinstance(branches, list) and branches[0] == OWN:
            yield from uses(branches[1], name, may=True)
            yield from uses(branches[2], name, may=may)
            return
        if target(value) == name:
            yield may
        may = may or value.get("Condition") == OWN
        for below in value.values():
            yield from uses(below, name, may=may)
    elif isinstance(value, list):
        for below in value:
            yield from uses(below, name, may=may)
    elif isinstance(value, str) and f"${{{name}" in value:
        yield may


def upload_pattern(template: Template) -> dict[str, Any]:
    pattern: dict[str, Any] = template["Resources"]["PictureUploaded"]["Properties"]["EventPattern"]
    return pattern


def left_out(template: Template) -> tuple[str, ...]:
    [rule] = upload_pattern(template)["detail"]["object"]["key"]
    return tuple(rule["anything-but"]["suffix"])


# ---------------------------------------------------------------- a bucket of the user's


def a_bucket_of_the_users_is_neither_made_nor_changed(template: Template) -> list[str]:
    wrong = [] if template["Conditions"].get(OWN) == {"Fn::Equals": [{"Ref": "ExistingUploadBucket"}, ""]} else [OWN]
    mentions = [may for section in ("Resources", "Outputs") for may in uses(template[section], "UploadBucket")]
    made = template["Resources"]["UploadBucket"].get("Condition") == OWN
    wrong += [] if made and mentions and all(mentions) else ["UploadBucket"]
    touched = json.dumps({**of_type(template, BUCKET), **of_type(template, POLICY)})
    return wrong + (["ExistingUploadBucket"] if "ExistingUploadBucket" in touched else [])


def a_bucket_that_stays_keeps_its_policy(template: Template) -> list[str]:
    return [
        name
        for name, policy in of_type(template, POLICY).items()
        if {policy.get("DeletionPolicy"), policy.get("UpdateReplacePolicy")} != {"Retain"}
    ]


def nothing_is_written_among_uploads_but_under_the_prefix(template: Template) -> list[str]:
    wrong = []
    for block in nested(properties(template, "AWS::IAM::Role"), "Statement"):
        for statement in as_list(block):
            for resource in as_list(statement.get("Resource", [])):
                words, places = (resource.get("Fn::Sub"), {}) if isinstance(resource, dict) else (None, {})
                if isinstance(words, list):
                    words, places = words
                if UPLOAD_BUCKET not in places.values():
                    continue
                objects = words.startswith("arn:${AWS::Partition}:s3:::${Bucket}/${UploadPrefix}")
                # A direct call names its picture, wherever that lies in the bucket.
                objects |= all(action.startswith("s3:GetObject") for action in as_list(statement["Action"]))
                asked = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", {})
                below = str(asked.get("Fn::Sub")).startswith("${UploadPrefix}")
                lists = statement["Action"] == "s3:ListBucket" or (
                    statement["Action"] == "s3:ListBucketVersions" and below
                )
                whole = words == "arn:${AWS::Partition}:s3:::${Bucket}" and lists
                wrong += [] if objects or whole else [statement.get("Sid", words)]
    return wrong


def uploads_elsewhere_wake_nothing(template: Template) -> list[str]:
    event = template["Resources"]["Normalize"]["Properties"]["Events"]["Uploads"]["Properties"]
    match event.get("FilterCriteria"):
        case {"Fn::If": ["HasUploadPrefix", {"Filters": [{"Pattern": {"Fn::Sub": theirs}}, {"Pattern": ours}]}, none]}:
            asked = [json.loads(theirs)["body"], json.loads(ours)["body"]]
            wanted = [
                {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": "${UploadPrefix}"}]}}},
                {"source": [{"anything-but": ["aws.s3"]}]},
            ]
            return [] if asked == wanted and none == {"Ref": "AWS::NoValue"} else ["Uploads"]
    return ["Uploads"]


def a_prefix_is_read_as_it_is_written(template: Template) -> list[str]:
    # In a policy's resource * ? and $ mean something, in a pattern's JSON the quote and the backslash do.
    allowed = re.compile(template["Parameters"]["UploadPrefix"]["AllowedPattern"])
    bad = ["/photos/", "/", "a*", "a?b/", "${aws:username}/", 'a"b', "a\\b", "a\nb"]
    good = ["", "photos/", "photos", "team a/2026/in/", "a.b_c-d/", "teams/x=y/"]
    return [text for text in bad if allowed.search(text)] + [text for text in good if not allowed.search(text)]


# ---------------------------------------------------------------- what is no picture


def what_may_be_a_picture_is_let_in(template: Template) -> list[str]:
    names = [f"photos/a.{case}" for suffix in PICTURES for case in (suffix, suffix.upper(), suffix.title())]
    names += ["photos/IMG_0001", "photos/api/video_0/picture", "a", "photo.2026-11", "backup.v2/IMG_0001"]
    return [name for name in names if name.endswith(left_out(template))]


def what_is_no_picture_is_left_out(template: Template) -> list[str]:
    names = [f"photos/a.{case}" for suffix in NO_PICTURES for case in (suffix, suffix.upper())]
    suffixes = set(left_out(template))
    lonely = [word for word in suffixes - {".DS_Store"} if not {word.lower(), word.upper()} <= suffixes]
    return [name for name in [*names, "folder/", ".DS_Store"] if not name.endswith(tuple(suffixes))] + lonely


def patterns_are_short_enough(template: Template) -> list[str]:
    name = "b" * LONGEST_BUCKET
    return [
        rule
        for rule, given in properties(template, "AWS::Events::Rule").items()
        if "EventPattern" in given
        and len(json.dumps(given["EventPattern"] | {"bucket": name}, separators=(",", ":"))) > LONGEST_PATTERN
    ]


# ---------------------------------------------------------------- many stacks


def what_is_named_by_hand_bears_the_stacks_name(template: Template) -> list[str]:
    wrong = []
    for resource, thing in template["Resources"].items():
        given = thing.get("Properties", {}).items()
        # What is taken from another resource bears the name that it has.
        named = {name: value for name, value in given if name in NAMES and target(value) not in template["Resources"]}
        wrong += [f"{resource}.{name}" for name, value in named.items() if "AWS::StackName" not in json.dumps(value)]
    spaces = [*nested(template["Resources"], "MetricNamespace"), *nested(template["Resources"], "Namespace")]
    return wrong + [
        str(space) for space in spaces if "AWS::StackName" not in str(space) and not str(space).startswith("AWS/")
    ]


def layers_are_named_for_the_stack(template: Template) -> list[str]:
    # SAM takes the logical id otherwise, which every stack of this template shares.
    layers = properties(template, "AWS::Serverless::LayerVersion")
    return [name for name, layer in layers.items() if "AWS::StackName" not in json.dumps(layer.get("LayerName"))]


def outputs_are_exported_under_the_stacks_name(template: Template) -> list[str]:
    return [
        name
        for name, output in template["Outputs"].items()
        if output.get("Export") != {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}}
    ]


def what_may_be_empty_is_exported_only_where_it_is_not(template: Template) -> list[str]:
    empty = {name for name, parameter in template["Parameters"].items() if parameter.get("Default") == ""}
    return [
        name
        for name, output in template["Outputs"].items()
        if target(output["Value"]) in empty and "Condition" not in output
    ]


def tags_go_on_what_sam_makes_of_a_function(template: Template) -> list[str]:
    shared = template["Globals"]["Function"]
    right = shared.get("PropagateTags") is True and {"Ref": "AWS::StackName"} in shared.get("Tags", {}).values()
    own = [name for name, one in properties(template, "AWS::Serverless::Function").items() if "PropagateTags" in one]
    return own if right else [*own, "Globals"]


def the_repository_takes_the_metadata(template: Template) -> list[str]:
    told = template["Metadata"].get("AWS::ServerlessRepo::Application", {})
    wrong = [field for field, words in REPOSITORY.items() if not re.fullmatch(words, str(told.get(field, "")))]
    labels = told.get("Labels", [])
    return wrong if 1 <= len(labels) <= 10 and len(set(labels)) == len(labels) else [*wrong, "Labels"]
