"""Rules for a stack beside others: it leaves an existing bucket unchanged, and shares no name with another stack."""

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
"""The properties that name a resource in the account."""
# The limits of an EventBridge pattern and of an S3 bucket name.
LONGEST_PATTERN, LONGEST_BUCKET = 2048, 63
PICTURES = (
    *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "tif", "tiff", "bmp", "webp", "avif", "heic", "heif", "mpo"),
    # Unsupported pictures get a record that says so.
    *("svg", "psd", "dng", "cr2", "nef", "jxl", "jp2"),
)
OTHER_FILES = ("txt", "md", "csv", "json", "xml", "pdf", "zip", "gz", "mp4", "mov", "log", "html", "parquet", "xmp")
REPOSITORY = {
    "Name": r"[A-Za-z0-9-]{1,140}",
    "Description": r".{1,256}",
    "Author": r"[a-z0-9](-?[a-z0-9]){0,126}",
    "SpdxLicenseId": r"MIT",
    "LicenseUrl": r"LICENSE",
    "ReadmeUrl": r"README\.md",
    "SemanticVersion": r"\d+\.\d+\.\d+",
}
"""What the Serverless Application Repository accepts for each field."""


def uses(value: Any, name: str, *, conditional: bool = False) -> Iterator[bool]:
    """For each use of a resource, whether it depends on the condition that the stack owns the upload bucket."""
    if isinstance(value, dict):
        branches = value.get("Fn::If")
        if isinstance(branches, list) and branches[0] == OWN:
            yield from uses(branches[1], name, conditional=True)
            yield from uses(branches[2], name, conditional=conditional)
            return
        if target(value) == name:
            yield conditional
        conditional = conditional or value.get("Condition") == OWN
        for below in value.values():
            yield from uses(below, name, conditional=conditional)
    elif isinstance(value, list):
        for below in value:
            yield from uses(below, name, conditional=conditional)
    elif isinstance(value, str) and f"${{{name}" in value:
        yield conditional


def upload_pattern(template: Template) -> dict[str, Any]:
    pattern: dict[str, Any] = template["Resources"]["PictureUploaded"]["Properties"]["EventPattern"]
    return pattern


def dropped_suffixes(template: Template) -> tuple[str, ...]:
    [rule] = upload_pattern(template)["detail"]["object"]["key"]
    return tuple(rule["anything-but"]["suffix"])


# ---------------------------------------------------------------- an existing bucket


def an_existing_bucket_is_neither_created_nor_changed(template: Template) -> list[str]:
    wrong = [] if template["Conditions"].get(OWN) == {"Fn::Equals": [{"Ref": "ExistingUploadBucket"}, ""]} else [OWN]
    found = [use for section in ("Resources", "Outputs") for use in uses(template[section], "UploadBucket")]
    conditional = template["Resources"]["UploadBucket"].get("Condition") == OWN
    wrong += [] if conditional and found and all(found) else ["UploadBucket"]
    changed = json.dumps({**of_type(template, BUCKET), **of_type(template, POLICY)})
    return wrong + (["ExistingUploadBucket"] if "ExistingUploadBucket" in changed else [])


def a_retained_bucket_keeps_its_policy(template: Template) -> list[str]:
    return [
        name
        for name, policy in of_type(template, POLICY).items()
        if {policy.get("DeletionPolicy"), policy.get("UpdateReplacePolicy")} != {"Retain"}
    ]


def roles_write_uploads_only_under_the_prefix(template: Template) -> list[str]:
    wrong = []
    for block in nested(properties(template, "AWS::IAM::Role"), "Statement"):
        for statement in as_list(block):
            for resource in as_list(statement.get("Resource", [])):
                substitution = resource.get("Fn::Sub") if isinstance(resource, dict) else None
                arn, values = substitution if isinstance(substitution, list) else ("", {})
                if UPLOAD_BUCKET not in values.values():
                    continue
                objects = arn.startswith("arn:${AWS::Partition}:s3:::${Bucket}/${UploadPrefix}")
                # A direct invocation may name a picture anywhere in the bucket.
                objects |= all(action.startswith("s3:GetObject") for action in as_list(statement["Action"]))
                prefix = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", {})
                below = str(prefix.get("Fn::Sub")).startswith("${UploadPrefix}")
                lists = statement["Action"] == "s3:ListBucket" or (
                    statement["Action"] == "s3:ListBucketVersions" and below
                )
                whole = arn == "arn:${AWS::Partition}:s3:::${Bucket}" and lists
                wrong += [] if objects or whole else [statement.get("Sid", arn)]
    return wrong


def uploads_outside_the_prefix_invoke_nothing(template: Template) -> list[str]:
    event = template["Resources"]["Normalize"]["Properties"]["Events"]["Uploads"]["Properties"]
    match event.get("FilterCriteria"):
        case {"Fn::If": ["HasUploadPrefix", {"Filters": [{"Pattern": {"Fn::Sub": s3}}, {"Pattern": own}]}, otherwise]}:
            patterns = [json.loads(s3)["body"], json.loads(own)["body"]]
            wanted = [
                {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": "${UploadPrefix}"}]}}},
                {"source": [{"anything-but": ["aws.s3"]}]},
            ]
            return [] if patterns == wanted and otherwise == {"Ref": "AWS::NoValue"} else ["Uploads"]
    return ["Uploads"]


def a_prefix_has_no_special_characters(template: Template) -> list[str]:
    # An IAM resource gives * ? and $ a meaning; a pattern's JSON, the quote and the backslash.
    allowed = re.compile(template["Parameters"]["UploadPrefix"]["AllowedPattern"])
    bad = ["/photos/", "/", "a*", "a?b/", "${aws:username}/", 'a"b', "a\\b", "a\nb"]
    good = ["", "photos/", "photos", "team a/2026/in/", "a.b_c-d/", "teams/x=y/"]
    return [text for text in bad if allowed.search(text)] + [text for text in good if not allowed.search(text)]


# ---------------------------------------------------------------- names of pictures


def names_that_may_be_pictures_pass_the_rule(template: Template) -> list[str]:
    names = [f"photos/a.{case}" for suffix in PICTURES for case in (suffix, suffix.upper(), suffix.title())]
    names += ["photos/IMG_0001", "photos/api/video_0/picture", "a", "photo.2026-11", "backup.v2/IMG_0001"]
    return [name for name in names if name.endswith(dropped_suffixes(template))]


def names_that_are_not_pictures_are_dropped(template: Template) -> list[str]:
    names = [f"photos/a.{case}" for suffix in OTHER_FILES for case in (suffix, suffix.upper())]
    suffixes = set(dropped_suffixes(template))
    one_case = [suffix for suffix in suffixes - {".DS_Store"} if not {suffix.lower(), suffix.upper()} <= suffixes]
    return [name for name in [*names, "folder/", ".DS_Store"] if not name.endswith(tuple(suffixes))] + one_case


def event_patterns_are_within_the_limit(template: Template) -> list[str]:
    bucket = "b" * LONGEST_BUCKET
    return [
        name
        for name, rule in properties(template, "AWS::Events::Rule").items()
        if "EventPattern" in rule
        and len(json.dumps(rule["EventPattern"] | {"bucket": bucket}, separators=(",", ":"))) > LONGEST_PATTERN
    ]


# ---------------------------------------------------------------- many stacks


def explicit_names_contain_the_stack_name(template: Template) -> list[str]:
    wrong = []
    for resource, body in template["Resources"].items():
        values = body.get("Properties", {}).items()
        # A name that comes from another resource contains that resource's name.
        named = {name: value for name, value in values if name in NAMES and target(value) not in template["Resources"]}
        wrong += [f"{resource}.{name}" for name, value in named.items() if "AWS::StackName" not in json.dumps(value)]
    return wrong


def custom_metrics_have_the_stack_as_a_dimension(template: Template) -> list[str]:
    alarms = properties(template, "AWS::CloudWatch::Alarm")
    return [
        name
        for name, alarm in alarms.items()
        if not str(alarm["Namespace"]).startswith("AWS/")
        and {"Ref": "AWS::StackName"} not in nested(alarm.get("Dimensions"), "Value")
    ]


def layer_names_contain_the_stack_name(template: Template) -> list[str]:
    # SAM's default is the logical id, which all stacks of this template share.
    layers = properties(template, "AWS::Serverless::LayerVersion")
    return [name for name, layer in layers.items() if "AWS::StackName" not in json.dumps(layer.get("LayerName"))]


def outputs_are_exported_under_the_stack_name(template: Template) -> list[str]:
    return [
        name
        for name, output in template["Outputs"].items()
        if output.get("Export") != {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}}
    ]


def an_output_that_may_be_empty_has_a_condition(template: Template) -> list[str]:
    empty = {name for name, parameter in template["Parameters"].items() if parameter.get("Default") == ""}
    return [
        name
        for name, output in template["Outputs"].items()
        if target(output["Value"]) in empty and "Condition" not in output
    ]


def function_tags_propagate_to_generated_resources(template: Template) -> list[str]:
    shared = template["Globals"]["Function"]
    tagged = shared.get("PropagateTags") is True and {"Ref": "AWS::StackName"} in shared.get("Tags", {}).values()
    functions = properties(template, "AWS::Serverless::Function")
    own = [name for name, function in functions.items() if "PropagateTags" in function]
    return own if tagged else [*own, "Globals"]


def the_application_repository_accepts_the_metadata(template: Template) -> list[str]:
    metadata = template["Metadata"].get("AWS::ServerlessRepo::Application", {})
    wrong = [field for field, pattern in REPOSITORY.items() if not re.fullmatch(pattern, str(metadata.get(field, "")))]
    labels = metadata.get("Labels", [])
    return wrong if 1 <= len(labels) <= 10 and len(set(labels)) == len(labels) else [*wrong, "Labels"]
