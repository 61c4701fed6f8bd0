"""The template keeps the rules for a stack among others; and each rule is shown to notice a template that breaks it."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit import template_wiring_rules as wiring
from tests.unit.load_template import GONE, TEMPLATE, change, load
from tests.unit.template_rules import Template

Rule = Callable[[Template], list[str]]

NORMALIZE = "Resources/NormalizeRole/Properties/Policies/0/PolicyDocument/Statement"
UPLOADS = "Resources/Normalize/Properties/Events/Uploads/Properties/FilterCriteria"
PATTERN = "Resources/PictureUploaded/Properties/EventPattern/detail"
SUFFIXES = f"{PATTERN}/object/key/0/anything-but/suffix"
REPOSITORY = "Metadata/AWS::ServerlessRepo::Application"

BREAKS: list[tuple[Rule, str, Any]] = [
    (wiring.a_bucket_of_the_users_is_neither_made_nor_changed, "Resources/UploadBucket/Condition", GONE),
    (wiring.a_bucket_of_the_users_is_neither_made_nor_changed, "Resources/UploadBucketPolicy/Condition", GONE),
    (wiring.a_bucket_of_the_users_is_neither_made_nor_changed, "Conditions/OwnsUploadBucket", {"Fn::Equals": [1, 1]}),
    (
        wiring.a_bucket_of_the_users_is_neither_made_nor_changed,
        "Resources/UploadBucketPolicy/Properties/Bucket",
        {"Ref": "ExistingUploadBucket"},
    ),
    (
        wiring.a_bucket_of_the_users_is_neither_made_nor_changed,
        f"{PATTERN}/bucket/name",
        [{"Ref": "UploadBucket"}],
    ),
    (
        wiring.a_bucket_of_the_users_is_neither_made_nor_changed,
        f"{NORMALIZE}/0/Resource",
        {"Fn::Sub": "${UploadBucket.Arn}/*"},
    ),
    (wiring.a_bucket_that_stays_keeps_its_policy, "Resources/UploadBucketPolicy/DeletionPolicy", GONE),
    (wiring.a_bucket_that_stays_keeps_its_policy, "Resources/OutputBucketPolicy/UpdateReplacePolicy", "Delete"),
    (
        wiring.nothing_is_written_among_uploads_but_under_the_prefix,
        f"{NORMALIZE}/0/Action",
        ["s3:GetObject", "s3:PutObject"],
    ),
    (
        wiring.nothing_is_written_among_uploads_but_under_the_prefix,
        f"{NORMALIZE}/1/Action",
        ["s3:ListBucket", "s3:GetObject"],
    ),
    (wiring.uploads_elsewhere_wake_nothing, UPLOADS, GONE),
    (wiring.uploads_elsewhere_wake_nothing, f"{UPLOADS}/Fn::If/1/Filters", []),
    (
        wiring.uploads_elsewhere_wake_nothing,
        f"{UPLOADS}/Fn::If/1/Filters/0/Pattern/Fn::Sub",
        '{"body":{"source":["aws.s3"]}}',
    ),
    # What the stack asks itself for, from anywhere, would be dropped.
    (wiring.uploads_elsewhere_wake_nothing, f"{UPLOADS}/Fn::If/1/Filters/1/Pattern", '{"body":{"source":["x"]}}'),
    (wiring.a_prefix_is_read_as_it_is_written, "Parameters/UploadPrefix/AllowedPattern", "^.*$"),
    (wiring.a_prefix_is_read_as_it_is_written, "Parameters/UploadPrefix/AllowedPattern", r"^[\w/]+$"),
    (wiring.what_may_be_a_picture_is_let_in, f"{SUFFIXES}/0", ".jpg"),
    (wiring.what_may_be_a_picture_is_let_in, f"{SUFFIXES}/0", "picture"),
    (wiring.what_is_no_picture_is_left_out, f"{SUFFIXES}/0", ".other"),
    (wiring.what_is_no_picture_is_left_out, f"{SUFFIXES}/1", ".other"),
    (wiring.what_is_no_picture_is_left_out, SUFFIXES, ["/", ".txt", ".TXT", ".DS_Store"]),
    (wiring.patterns_are_short_enough, f"{SUFFIXES}/0", "x" * 1000),
    (wiring.what_is_named_by_hand_bears_the_stacks_name, "Resources/TrackQueue/Properties/QueueName", "track"),
    (wiring.what_is_named_by_hand_bears_the_stacks_name, "Resources/TrackLogs/Properties/LogGroupName", "/aws/x"),
    (
        wiring.what_is_named_by_hand_bears_the_stacks_name,
        "Resources/UnconfirmedJobs/Properties/MetricTransformations/0/MetricNamespace",
        "sora-ready",
    ),
    (wiring.layers_are_named_for_the_stack, "Resources/ImagingLayer/Properties/LayerName", GONE),
    (wiring.outputs_are_exported_under_the_stacks_name, "Outputs/JobsTable/Export", GONE),
    (wiring.outputs_are_exported_under_the_stacks_name, "Outputs/JobsTable/Export/Name", "jobs"),
    (wiring.what_may_be_empty_is_exported_only_where_it_is_not, "Outputs/UploadPrefix/Condition", GONE),
    (wiring.tags_go_on_what_sam_makes_of_a_function, "Globals/Function/PropagateTags", GONE),
    (wiring.tags_go_on_what_sam_makes_of_a_function, "Globals/Function/Tags", GONE),
    (wiring.tags_go_on_what_sam_makes_of_a_function, "Resources/Track/Properties/PropagateTags", False),
    (wiring.the_repository_takes_the_metadata, REPOSITORY, GONE),
    (wiring.the_repository_takes_the_metadata, f"{REPOSITORY}/Author", "The Sora-Ready authors"),
    (wiring.the_repository_takes_the_metadata, f"{REPOSITORY}/Description", "x" * 257),
    (wiring.the_repository_takes_the_metadata, f"{REPOSITORY}/Labels", []),
]

ALL: list[Rule] = list({rule: None for rule, _, _ in BREAKS})


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(rule: Rule) -> None:
    assert rule(load()) == []


@pytest.mark.parametrize(
    ("rule", "path", "value"), BREAKS, ids=[f"{rule.__name__}-{number}" for number, (rule, _, _) in enumerate(BREAKS)]
)
def test_a_template_that_breaks_the_rule_is_noticed(rule: Rule, path: str, value: Any) -> None:
    template = load()

    change(template, path, value)

    assert rule(template) != []


def test_every_rule_is_checked_and_shown_to_notice() -> None:
    written = {
        rule
        for _, rule in inspect.getmembers(wiring, inspect.isfunction)
        if inspect.signature(rule).return_annotation == "list[str]"
    }

    assert written == set(ALL)


def test_the_repository_is_told_of_the_version_that_the_project_has() -> None:
    project = tomllib.loads((TEMPLATE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    told = load()["Metadata"]["AWS::ServerlessRepo::Application"]

    assert (told["Name"], told["SemanticVersion"]) == (project["name"], project["version"])
