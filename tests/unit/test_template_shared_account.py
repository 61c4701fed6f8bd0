"""The template keeps every rule for a stack beside others, and every rule reports a template that breaks it."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit import template_shared_account_rules as shared
from tests.unit.load_template import REMOVED, TEMPLATE, change, load
from tests.unit.template_rules import Template

Rule = Callable[[Template], list[str]]

NORMALIZE = "Resources/NormalizeRole/Properties/Policies/0/PolicyDocument/Statement"
UPLOADS = "Resources/Normalize/Properties/Events/Uploads/Properties/FilterCriteria"
PATTERN = "Resources/PictureUploaded/Properties/EventPattern/detail"
SUFFIXES = f"{PATTERN}/object/key/0/anything-but/suffix"
REPOSITORY = "Metadata/AWS::ServerlessRepo::Application"

BREAKS: list[tuple[Rule, str, Any]] = [
    (shared.an_existing_bucket_is_neither_created_nor_changed, "Resources/UploadBucket/Condition", REMOVED),
    (shared.an_existing_bucket_is_neither_created_nor_changed, "Resources/UploadBucketPolicy/Condition", REMOVED),
    (shared.an_existing_bucket_is_neither_created_nor_changed, "Conditions/OwnsUploadBucket", {"Fn::Equals": [1, 1]}),
    (
        shared.an_existing_bucket_is_neither_created_nor_changed,
        "Resources/UploadBucketPolicy/Properties/Bucket",
        {"Ref": "ExistingUploadBucket"},
    ),
    (
        shared.an_existing_bucket_is_neither_created_nor_changed,
        f"{PATTERN}/bucket/name",
        [{"Ref": "UploadBucket"}],
    ),
    (
        shared.an_existing_bucket_is_neither_created_nor_changed,
        f"{NORMALIZE}/0/Resource",
        {"Fn::Sub": "${UploadBucket.Arn}/*"},
    ),
    (shared.a_retained_bucket_keeps_its_policy, "Resources/UploadBucketPolicy/DeletionPolicy", REMOVED),
    (shared.a_retained_bucket_keeps_its_policy, "Resources/OutputBucketPolicy/UpdateReplacePolicy", "Delete"),
    (
        shared.roles_write_uploads_only_under_the_prefix,
        f"{NORMALIZE}/0/Action",
        ["s3:GetObject", "s3:PutObject"],
    ),
    (
        shared.roles_write_uploads_only_under_the_prefix,
        f"{NORMALIZE}/1/Action",
        ["s3:ListBucket", "s3:GetObject"],
    ),
    (shared.uploads_outside_the_prefix_invoke_nothing, UPLOADS, REMOVED),
    (shared.uploads_outside_the_prefix_invoke_nothing, f"{UPLOADS}/Fn::If/1/Filters", []),
    (
        shared.uploads_outside_the_prefix_invoke_nothing,
        f"{UPLOADS}/Fn::If/1/Filters/0/Pattern/Fn::Sub",
        '{"body":{"source":["aws.s3"]}}',
    ),
    # The stack's own messages, which may name any key, would be dropped.
    (
        shared.uploads_outside_the_prefix_invoke_nothing,
        f"{UPLOADS}/Fn::If/1/Filters/1/Pattern",
        '{"body":{"source":["x"]}}',
    ),
    (shared.a_prefix_has_no_special_characters, "Parameters/UploadPrefix/AllowedPattern", "^.*$"),
    (shared.a_prefix_has_no_special_characters, "Parameters/UploadPrefix/AllowedPattern", r"^[\w/]+$"),
    (shared.names_that_may_be_pictures_pass_the_rule, f"{SUFFIXES}/0", ".jpg"),
    (shared.names_that_may_be_pictures_pass_the_rule, f"{SUFFIXES}/0", "picture"),
    (shared.names_that_are_not_pictures_are_dropped, f"{SUFFIXES}/0", ".other"),
    (shared.names_that_are_not_pictures_are_dropped, f"{SUFFIXES}/1", ".other"),
    (shared.names_that_are_not_pictures_are_dropped, SUFFIXES, ["/", ".txt", ".TXT", ".DS_Store"]),
    (shared.event_patterns_are_within_the_limit, f"{SUFFIXES}/0", "x" * 1000),
    (shared.explicit_names_contain_the_stack_name, "Resources/TrackQueue/Properties/QueueName", "track"),
    (shared.explicit_names_contain_the_stack_name, "Resources/TrackLogs/Properties/LogGroupName", "/aws/x"),
    (
        shared.custom_metrics_have_the_stack_as_a_dimension,
        "Resources/UnconfirmedJobsAlarm/Properties/Dimensions/0/Value",
        "sora-ready",
    ),
    (shared.layer_names_contain_the_stack_name, "Resources/ImagingLayer/Properties/LayerName", REMOVED),
    (shared.outputs_are_exported_under_the_stack_name, "Outputs/JobsTable/Export", REMOVED),
    (shared.outputs_are_exported_under_the_stack_name, "Outputs/JobsTable/Export/Name", "jobs"),
    (shared.an_output_that_may_be_empty_has_a_condition, "Outputs/UploadPrefix/Condition", REMOVED),
    (shared.function_tags_propagate_to_generated_resources, "Globals/Function/PropagateTags", REMOVED),
    (shared.function_tags_propagate_to_generated_resources, "Globals/Function/Tags", REMOVED),
    (shared.function_tags_propagate_to_generated_resources, "Resources/Track/Properties/PropagateTags", False),
    (shared.the_application_repository_accepts_the_metadata, REPOSITORY, REMOVED),
    (shared.the_application_repository_accepts_the_metadata, f"{REPOSITORY}/Author", "The Sora-Ready authors"),
    (shared.the_application_repository_accepts_the_metadata, f"{REPOSITORY}/Description", "x" * 257),
    (shared.the_application_repository_accepts_the_metadata, f"{REPOSITORY}/Labels", []),
]

ALL: list[Rule] = list({rule: None for rule, _, _ in BREAKS})


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(rule: Rule) -> None:
    assert rule(load()) == []


@pytest.mark.parametrize(
    ("rule", "path", "value"), BREAKS, ids=[f"{rule.__name__}-{number}" for number, (rule, _, _) in enumerate(BREAKS)]
)
def test_the_rule_reports_a_template_that_breaks_it(rule: Rule, path: str, value: Any) -> None:
    template = load()

    change(template, path, value)

    assert rule(template) != []


def test_every_rule_is_checked_and_broken_once() -> None:
    defined = {
        rule
        for _, rule in inspect.getmembers(shared, inspect.isfunction)
        if inspect.signature(rule).return_annotation == "list[str]"
    }

    assert defined == set(ALL)


def test_the_application_repository_has_the_name_and_version_of_the_project() -> None:
    project = tomllib.loads((TEMPLATE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    metadata = load()["Metadata"]["AWS::ServerlessRepo::Application"]

    assert (metadata["Name"], metadata["SemanticVersion"]) == (project["name"], project["version"])
