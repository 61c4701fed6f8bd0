"""The stack's template keeps its rules; and each rule is shown to notice a template that breaks it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit import template_flow_rules as flow
from tests.unit import template_rules as rules
from tests.unit.load_template import GONE, change, load

Rule = Callable[[rules.Template], list[str]]

AT_LEAST = {rules.FUNCTION: 5, rules.QUEUE: 7, rules.BUCKET: 2, "AWS::IAM::Role": 5, "AWS::DynamoDB::Table": 2}

BREAKS: list[tuple[Rule, str, Any]] = [
    (rules.everything_is_described, "Parameters/LogLevel/Description", GONE),
    (rules.everything_is_described, "Outputs/JobsTable/Description", ""),
    (rules.no_server_is_assumed, "Parameters/VideoApiBaseUrl/Default", "https://api.example.com/v1"),
    (rules.arm64_is_the_default, "Parameters/Architecture/Default", "x86_64"),
    (rules.arm64_is_the_default, "Resources/Track/Properties/Architectures", ["x86_64"]),
    (rules.each_function_has_a_role_of_its_own, "Resources/Track/Properties/Role", GONE),
    (
        rules.each_function_has_a_role_of_its_own,
        "Resources/Track/Properties/Role",
        {"Fn::GetAtt": ["SubmitRole", "Arn"]},
    ),
    (
        rules.each_function_has_a_role_of_its_own,
        "Resources/Track/Properties/Policies",
        [{"S3ReadPolicy": {"BucketName": "b"}}],
    ),
    (
        rules.roles_have_inline_policies_only,
        "Resources/TrackRole/Properties/ManagedPolicyArns",
        ["arn:aws:iam::aws:policy/AdministratorAccess"],
    ),
    (
        rules.nothing_is_allowed_wholesale,
        "Resources/TrackRole/Properties/Policies/0/PolicyDocument/Statement/0/Action",
        "s3:*",
    ),
    (
        rules.nothing_is_allowed_wholesale,
        "Resources/TrackRole/Properties/Policies/0/PolicyDocument/Statement/0/Action",
        ["s3:GetObject", "s3:Put*"],
    ),
    (
        rules.nothing_is_allowed_wholesale,
        "Resources/TrackRole/Properties/Policies/0/PolicyDocument/Statement/0/Action",
        "*",
    ),
    (
        rules.nothing_is_allowed_wholesale,
        "Resources/TrackRole/Properties/Policies/0/PolicyDocument/Statement/1/Resource",
        "*",
    ),
    (
        rules.nothing_is_allowed_wholesale,
        "Resources/NormalizeQueuePolicy/Properties/PolicyDocument/Statement/0/Principal",
        "*",
    ),
    (
        rules.no_secret_stands_in_an_environment,
        "Resources/Submit/Properties/Environment/Variables/KEY",
        {"Ref": "VideoApiKey"},
    ),
    (
        rules.no_secret_stands_in_an_environment,
        "Resources/Submit/Properties/Environment/Variables/KEY",
        {"Fn::Sub": "Bearer ${VideoApiKey}"},
    ),
    (
        rules.no_secret_stands_in_an_environment,
        "Globals/Function/Environment/Variables/KEY",
        "{{resolve:secretsmanager:key}}",
    ),
    (rules.no_secret_stands_in_an_environment, "Parameters/VideoApiKey/NoEcho", GONE),
    (
        rules.a_function_is_given_only_the_layers_it_imports,
        "Resources/Normalize/Properties/Layers/1",
        {"Ref": "VideoApiLayer"},
    ),
    (
        rules.a_function_is_given_only_the_layers_it_imports,
        "Resources/Track/Properties/Layers/1",
        {"Ref": "ImagingLayer"},
    ),
    (rules.functions_run_on_python_3_13, "Globals/Function/Runtime", "python3.12"),
    (rules.functions_run_on_python_3_13, "Resources/Submit/Properties/Runtime", "python3.9"),
    (rules.logs_are_kept_for_a_while_only, "Resources/SubmitLogs/Properties/RetentionInDays", GONE),
    (rules.logs_are_kept_for_a_while_only, "Resources/Submit/Properties/LoggingConfig", GONE),
    (rules.logs_are_told_at_one_level, "Parameters/LogLevel/AllowedValues/2", "WARNING"),
    (rules.logs_are_told_at_one_level, "Resources/Track/Properties/LoggingConfig/ApplicationLogLevel", GONE),
    (rules.logs_are_told_at_one_level, "Resources/Submit/Properties/LoggingConfig/LogFormat", "Text"),
    (rules.environments_fit_in_4_kb, "Parameters/VideoModels/MaxLength", GONE),
    (rules.environments_fit_in_4_kb, "Parameters/VideoModels/MaxLength", 2000),
    (rules.environments_fit_in_4_kb, "Parameters/DefaultPrompt/MaxLength", GONE),
    (rules.environments_fit_in_4_kb, "Parameters/DefaultPrompt/MaxLength", 2000),
    (rules.environments_fit_in_4_kb, "Globals/Function/Environment/Variables/MORE", "x" * 1000),
    (
        rules.batches_report_partial_failures,
        "Resources/Track/Properties/Events/Looks/Properties/FunctionResponseTypes",
        GONE,
    ),
    (rules.messages_stay_hidden_while_they_are_worked_on, "Resources/TrackQueue/Properties/VisibilityTimeout", 1799),
    (rules.messages_stay_hidden_while_they_are_worked_on, "Resources/Normalize/Properties/Timeout", 61),
    (flow.what_may_wake_itself_says_so, "Resources/Track/Properties/RecursiveLoop", GONE),
    (flow.what_may_wake_itself_says_so, "Resources/Track/Properties/RecursiveLoop", "Terminate"),
    (flow.what_may_wake_itself_says_so, "Resources/Submit/Properties/RecursiveLoop", "Allow"),
    (
        flow.a_role_allows_what_its_function_does_and_no_more,
        "Resources/SweepRole/Properties/Policies/0/PolicyDocument/Statement/1/Action",
        ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
    ),
    (
        flow.a_role_allows_what_its_function_does_and_no_more,
        "Resources/SweepRole/Properties/Policies/0/PolicyDocument/Statement/2/Action",
        "dynamodb:GetItem",
    ),
    (
        flow.a_role_allows_what_its_function_does_and_no_more,
        "Resources/PublishRole/Properties/Policies/0/PolicyDocument/Statement/0/Resource",
        {"Fn::GetAtt": ["TrackQueue", "Arn"]},
    ),
    (flow.a_function_knows_its_queues_last_try, "Resources/Submit/Properties/Environment/Variables/MAX_RECEIVES", "5"),
    (flow.a_function_knows_its_queues_last_try, "Resources/Track/Properties/Environment/Variables/MAX_RECEIVES", GONE),
    (
        flow.a_function_knows_its_queues_last_try,
        "Resources/NormalizeQueue/Properties/RedrivePolicy/maxReceiveCount",
        4,
    ),
    (
        flow.the_line_that_asks_for_a_person_raises_an_alarm,
        "Resources/UnconfirmedJobs/Properties/FilterPattern",
        '{ $.message = "a job needs somebody" }',
    ),
    (flow.the_line_that_asks_for_a_person_raises_an_alarm, "Resources/UnconfirmedJobsAlarm", GONE),
    (
        flow.the_line_that_asks_for_a_person_raises_an_alarm,
        "Resources/UnconfirmedJobs/Properties/LogGroupName",
        {"Ref": "SubmitLogs"},
    ),
    (
        flow.sweep_comes_as_often_as_it_thinks,
        "Resources/Sweep/Properties/Events/EveryFiveMinutes/Properties/Schedule",
        "rate(15 minutes)",
    ),
    (flow.a_role_allows_what_its_function_does_and_no_more, "Resources/BackfillRole/Properties/Policies", []),
    (flow.alarms_tell_the_topic, "Resources/UnconfirmedJobsAlarm/Properties/AlarmActions", GONE),
    (
        flow.a_stream_is_read_in_order_and_gives_up_into_a_queue,
        "Resources/Publish/Properties/Events/Changes/Properties/FunctionResponseTypes",
        GONE,
    ),
    (
        flow.a_stream_is_read_in_order_and_gives_up_into_a_queue,
        "Resources/Publish/Properties/Events/Changes/Properties/MaximumRetryAttempts",
        GONE,
    ),
    (
        flow.a_stream_is_read_in_order_and_gives_up_into_a_queue,
        "Resources/JobsTable/Properties/StreamSpecification/StreamViewType",
        "NEW_IMAGE",
    ),
    (rules.every_queue_has_dead_letters_kept_for_14_days, "Resources/TrackQueue/Properties/RedrivePolicy", GONE),
    (
        rules.every_queue_has_dead_letters_kept_for_14_days,
        "Resources/SubmitDeadLetters/Properties/MessageRetentionPeriod",
        345_600,
    ),
    (rules.queues_are_encrypted, "Resources/TrackDeadLetters/Properties/SqsManagedSseEnabled", GONE),
    (rules.queues_are_encrypted, "Resources/TrackQueue/Properties/SqsManagedSseEnabled", False),
    (rules.queues_are_reached_over_tls_only, "Resources/TrackQueuePolicy/Properties/PolicyDocument/Statement", []),
    (
        rules.queues_are_reached_over_tls_only,
        "Resources/TrackQueuePolicy/Properties/Queues",
        [{"Ref": "TrackQueue"}],
    ),
    (
        rules.queues_are_reached_over_tls_only,
        "Resources/TrackQueuePolicy/Properties/PolicyDocument/Statement/0/Effect",
        "Allow",
    ),
    (rules.dead_letters_raise_an_alarm, "Resources/SubmitDeadLettersAlarm", GONE),
    (rules.dead_letters_raise_an_alarm, "Resources/SubmitDeadLettersAlarm/Properties/Dimensions/0/Value", "other"),
    (
        rules.buckets_are_private,
        "Resources/OutputBucket/Properties/PublicAccessBlockConfiguration/BlockPublicAcls",
        False,
    ),
    (rules.buckets_are_private, "Resources/UploadBucket/Properties/PublicAccessBlockConfiguration", GONE),
    (rules.buckets_are_encrypted, "Resources/UploadBucket/Properties/BucketEncryption", GONE),
    (rules.buckets_are_reached_over_tls_only, "Resources/OutputBucketPolicy", GONE),
    (
        rules.buckets_are_reached_over_tls_only,
        "Resources/OutputBucketPolicy/Properties/PolicyDocument/Statement/0/Condition",
        GONE,
    ),
    (rules.data_outlives_the_stack, "Resources/JobsTable/DeletionPolicy", GONE),
    (rules.data_outlives_the_stack, "Resources/UploadBucket/UpdateReplacePolicy", "Delete"),
]

ALL: list[Rule] = list({rule: None for rule, _, _ in BREAKS})


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(rule: Rule) -> None:
    assert rule(load()) == []


@pytest.mark.parametrize(("rule", "path", "value"), BREAKS, ids=[f"{rule.__name__}-{path}" for rule, path, _ in BREAKS])
def test_a_template_that_breaks_the_rule_is_noticed(rule: Rule, path: str, value: Any) -> None:
    template = load()

    change(template, path, value)

    assert rule(template) != []


def test_every_rule_is_checked_and_shown_to_notice() -> None:
    written = {
        rule
        for module in (rules, flow)
        for _, rule in inspect.getmembers(module, inspect.isfunction)
        if inspect.signature(rule).return_annotation == "list[str]"
    }

    assert written == set(ALL)


@pytest.mark.parametrize(("kind", "least"), AT_LEAST.items())
def test_the_rules_have_something_to_look_at(kind: str, least: int) -> None:
    assert len(rules.of_type(load(), kind)) >= least


def test_every_work_queue_has_its_own_dead_letter_queue() -> None:
    assert rules.dead_letter_queues(load()) >= {"NormalizeDeadLetters", "SubmitDeadLetters", "TrackDeadLetters"} | {
        "PublishDeadLetters"
    }
