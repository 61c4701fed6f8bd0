"""The stack's template keeps every rule, and every rule reports a template that breaks it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit import template_flow_rules as flow
from tests.unit import template_rules as rules
from tests.unit.load_template import REMOVED, change, load

Rule = Callable[[rules.Template], list[str]]

AT_LEAST = {rules.FUNCTION: 5, rules.QUEUE: 7, rules.BUCKET: 2, "AWS::IAM::Role": 5, "AWS::DynamoDB::Table": 2}

BREAKS: list[tuple[Rule, str, Any]] = [
    (rules.everything_is_described, "Parameters/LogLevel/Description", REMOVED),
    (rules.everything_is_described, "Outputs/JobsTable/Description", ""),
    (rules.the_server_address_has_no_default, "Parameters/VideoApiBaseUrl/Default", "https://api.example.com/v1"),
    (rules.arm64_is_the_default, "Parameters/Architecture/Default", "x86_64"),
    (rules.arm64_is_the_default, "Resources/Track/Properties/Architectures", ["x86_64"]),
    (rules.each_function_has_a_role_of_its_own, "Resources/Track/Properties/Role", REMOVED),
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
        rules.no_statement_allows_everything,
        "Resources/TrackRole/Properties/Policies/0/PolicyDocument/Statement/0/Action",
        "s3:*",
    ),
    (
        rules.no_statement_allows_everything,
        "Resources/TrackRole/Properties/Policies/0/PolicyDocument/Statement/0/Action",
        ["s3:GetObject", "s3:Put*"],
    ),
    (
        rules.no_statement_allows_everything,
        "Resources/TrackRole/Properties/Policies/0/PolicyDocument/Statement/0/Action",
        "*",
    ),
    (
        rules.no_statement_allows_everything,
        "Resources/TrackRole/Properties/Policies/0/PolicyDocument/Statement/1/Resource",
        "*",
    ),
    (
        rules.no_statement_allows_everything,
        "Resources/NormalizeQueuePolicy/Properties/PolicyDocument/Statement/0/Principal",
        "*",
    ),
    (
        rules.no_environment_holds_a_secret,
        "Resources/Submit/Properties/Environment/Variables/KEY",
        {"Ref": "VideoApiKey"},
    ),
    (
        rules.no_environment_holds_a_secret,
        "Resources/Submit/Properties/Environment/Variables/KEY",
        {"Fn::Sub": "Bearer ${VideoApiKey}"},
    ),
    (
        rules.no_environment_holds_a_secret,
        "Globals/Function/Environment/Variables/KEY",
        "{{resolve:secretsmanager:key}}",
    ),
    (rules.no_environment_holds_a_secret, "Parameters/VideoApiKey/NoEcho", REMOVED),
    (
        rules.functions_have_only_the_layers_they_import,
        "Resources/Normalize/Properties/Layers/1",
        {"Ref": "VideoApiLayer"},
    ),
    (
        rules.functions_have_only_the_layers_they_import,
        "Resources/Track/Properties/Layers/1",
        {"Ref": "ImagingLayer"},
    ),
    (rules.functions_run_on_python_3_13, "Globals/Function/Runtime", "python3.12"),
    (rules.functions_run_on_python_3_13, "Resources/Submit/Properties/Runtime", "python3.9"),
    (rules.log_groups_have_a_retention, "Resources/SubmitLogs/Properties/RetentionInDays", REMOVED),
    (rules.log_groups_have_a_retention, "Resources/Submit/Properties/LoggingConfig", REMOVED),
    (rules.the_log_level_is_the_same_everywhere, "Parameters/LogLevel/AllowedValues/2", "WARNING"),
    (rules.the_log_level_is_the_same_everywhere, "Globals/Function/LoggingConfig/ApplicationLogLevel", REMOVED),
    (rules.the_log_level_is_the_same_everywhere, "Resources/Submit/Properties/LoggingConfig/LogFormat", "Text"),
    (rules.environments_fit_in_4_kb, "Parameters/VideoModels/MaxLength", REMOVED),
    (rules.environments_fit_in_4_kb, "Parameters/VideoModels/MaxLength", 2000),
    (rules.environments_fit_in_4_kb, "Parameters/DefaultPrompt/MaxLength", REMOVED),
    (rules.environments_fit_in_4_kb, "Parameters/DefaultPrompt/MaxLength", 2000),
    (rules.environments_fit_in_4_kb, "Globals/Function/Environment/Variables/MORE", "x" * 1000),
    (
        rules.batches_report_partial_failures,
        "Resources/Track/Properties/Events/Polls/Properties/FunctionResponseTypes",
        REMOVED,
    ),
    (rules.messages_stay_invisible_for_six_timeouts, "Resources/TrackQueue/Properties/VisibilityTimeout", 1799),
    (rules.messages_stay_invisible_for_six_timeouts, "Resources/Normalize/Properties/Timeout", 61),
    (flow.functions_that_invoke_themselves_allow_recursion, "Resources/Track/Properties/RecursiveLoop", REMOVED),
    (flow.functions_that_invoke_themselves_allow_recursion, "Resources/Track/Properties/RecursiveLoop", "Terminate"),
    (flow.functions_that_invoke_themselves_allow_recursion, "Resources/Submit/Properties/RecursiveLoop", "Allow"),
    (
        flow.a_role_allows_exactly_what_its_function_does,
        "Resources/SweepRole/Properties/Policies/0/PolicyDocument/Statement/1/Action",
        ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
    ),
    (
        flow.a_role_allows_exactly_what_its_function_does,
        "Resources/SweepRole/Properties/Policies/0/PolicyDocument/Statement/2/Action",
        "dynamodb:GetItem",
    ),
    (
        flow.a_role_allows_exactly_what_its_function_does,
        "Resources/PublishRole/Properties/Policies/0/PolicyDocument/Statement/0/Resource",
        {"Fn::GetAtt": ["TrackQueue", "Arn"]},
    ),
    (flow.max_receives_is_the_queues_own, "Resources/Submit/Properties/Environment/Variables/MAX_RECEIVES", "5"),
    (flow.max_receives_is_the_queues_own, "Resources/Track/Properties/Environment/Variables/MAX_RECEIVES", REMOVED),
    (
        flow.max_receives_is_the_queues_own,
        "Resources/NormalizeQueue/Properties/RedrivePolicy/maxReceiveCount",
        4,
    ),
    (flow.jobs_that_need_an_operator_raise_an_alarm, "Resources/UnconfirmedJobsAlarm", REMOVED),
    (
        flow.jobs_that_need_an_operator_raise_an_alarm,
        "Resources/UnconfirmedJobsAlarm/Properties/MetricName",
        "UnconfirmedJobs",
    ),
    (flow.jobs_that_need_an_operator_raise_an_alarm, "Resources/UnconfirmedJobsAlarm/Properties/Dimensions", REMOVED),
    (
        flow.jobs_that_need_an_operator_raise_an_alarm,
        "Resources/UnconfirmedJobsAlarm/Properties/Namespace",
        {"Ref": "AWS::StackName"},
    ),
    (
        flow.jobs_that_need_an_operator_raise_an_alarm,
        "Resources/Track/Properties/Environment/Variables/STACK_NAME",
        "sora-ready",
    ),
    (
        flow.sweep_runs_as_often_as_its_code_expects,
        "Resources/Sweep/Properties/Events/EveryFiveMinutes/Properties/Schedule",
        "rate(15 minutes)",
    ),
    (flow.a_role_allows_exactly_what_its_function_does, "Resources/BackfillRole/Properties/Policies", []),
    (flow.alarms_notify_the_topic, "Resources/UnconfirmedJobsAlarm/Properties/AlarmActions", REMOVED),
    (
        flow.streams_keep_their_order_and_have_a_dead_letter_queue,
        "Resources/Publish/Properties/Events/StatusChanges/Properties/FunctionResponseTypes",
        REMOVED,
    ),
    (
        flow.streams_keep_their_order_and_have_a_dead_letter_queue,
        "Resources/Publish/Properties/Events/StatusChanges/Properties/MaximumRetryAttempts",
        REMOVED,
    ),
    (
        flow.streams_keep_their_order_and_have_a_dead_letter_queue,
        "Resources/JobsTable/Properties/StreamSpecification/StreamViewType",
        "NEW_IMAGE",
    ),
    (rules.every_queue_has_a_dead_letter_queue_of_14_days, "Resources/TrackQueue/Properties/RedrivePolicy", REMOVED),
    (
        rules.every_queue_has_a_dead_letter_queue_of_14_days,
        "Resources/SubmitDeadLetters/Properties/MessageRetentionPeriod",
        345_600,
    ),
    (rules.queues_are_encrypted, "Resources/TrackDeadLetters/Properties/SqsManagedSseEnabled", REMOVED),
    (rules.queues_are_encrypted, "Resources/TrackQueue/Properties/SqsManagedSseEnabled", False),
    (rules.queues_require_tls, "Resources/TrackQueuePolicy/Properties/PolicyDocument/Statement", []),
    (
        rules.queues_require_tls,
        "Resources/TrackQueuePolicy/Properties/Queues",
        [{"Ref": "TrackQueue"}],
    ),
    (
        rules.queues_require_tls,
        "Resources/TrackQueuePolicy/Properties/PolicyDocument/Statement/0/Effect",
        "Allow",
    ),
    (rules.dead_letters_raise_an_alarm, "Resources/SubmitDeadLettersAlarm", REMOVED),
    (rules.dead_letters_raise_an_alarm, "Resources/SubmitDeadLettersAlarm/Properties/Dimensions/0/Value", "other"),
    (
        rules.buckets_are_private,
        "Resources/OutputBucket/Properties/PublicAccessBlockConfiguration/BlockPublicAcls",
        False,
    ),
    (rules.buckets_are_private, "Resources/UploadBucket/Properties/PublicAccessBlockConfiguration", REMOVED),
    (rules.buckets_are_encrypted, "Resources/UploadBucket/Properties/BucketEncryption", REMOVED),
    (rules.buckets_require_tls, "Resources/OutputBucketPolicy", REMOVED),
    (
        rules.buckets_require_tls,
        "Resources/OutputBucketPolicy/Properties/PolicyDocument/Statement/0/Condition",
        REMOVED,
    ),
    (rules.data_outlives_the_stack, "Resources/JobsTable/DeletionPolicy", REMOVED),
    (rules.data_outlives_the_stack, "Resources/UploadBucket/UpdateReplacePolicy", "Delete"),
]

ALL: list[Rule] = list({rule: None for rule, _, _ in BREAKS})


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(rule: Rule) -> None:
    assert rule(load()) == []


@pytest.mark.parametrize(("rule", "path", "value"), BREAKS, ids=[f"{rule.__name__}-{path}" for rule, path, _ in BREAKS])
def test_the_rule_reports_a_template_that_breaks_it(rule: Rule, path: str, value: Any) -> None:
    template = load()

    change(template, path, value)

    assert rule(template) != []


def test_every_rule_is_checked_and_broken_once() -> None:
    defined = {
        rule
        for module in (rules, flow)
        for _, rule in inspect.getmembers(module, inspect.isfunction)
        if inspect.signature(rule).return_annotation == "list[str]"
    }

    assert defined == set(ALL)


@pytest.mark.parametrize(("kind", "least"), AT_LEAST.items())
def test_the_template_has_resources_for_the_rules(kind: str, least: int) -> None:
    assert len(rules.of_type(load(), kind)) >= least


def test_every_work_queue_has_its_own_dead_letter_queue() -> None:
    assert rules.dead_letter_queues(load()) >= {"NormalizeDeadLetters", "SubmitDeadLetters", "TrackDeadLetters"} | {
        "PublishDeadLetters"
    }
