"""The rules that the stack's template keeps: each a function from a template to a list of what breaks the rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]

FOURTEEN_DAYS = 14 * 24 * 60 * 60
BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
NOT_FOR = {
    "Normalize": {"VideoApiLayer"},
    "Backfill": {"VideoApiLayer"},
    "Submit": {"ImagingLayer"},
    "Track": {"ImagingLayer"},
} | {name: {"ImagingLayer", "VideoApiLayer"} for name in ("Sweep", "Publish", "Api", "Authorize")}
FUNCTION, QUEUE, BUCKET = "AWS::Serverless::Function", "AWS::SQS::Queue", "AWS::S3::Bucket"


def of_type(template: Template, kind: str) -> dict[str, Any]:
    return {name: thing for name, thing in template["Resources"].items() if thing["Type"] == kind}


def properties(template: Template, kind: str) -> dict[str, Any]:
    return {name: thing.get("Properties", {}) for name, thing in of_type(template, kind).items()}


def functions(template: Template) -> dict[str, Any]:
    """Each function's properties, with what the globals give it."""
    shared = template.get("Globals", {}).get("Function", {})
    return {name: shared | own for name, own in properties(template, FUNCTION).items()}


def target(value: Any) -> str | None:
    """The resource that a `!Ref` or a `!GetAtt` points at, or an `!If` where its condition holds."""
    if not isinstance(value, dict):
        return None
    if "Fn::If" in value:
        return target(value["Fn::If"][1])
    pointed = value.get("Ref") or value.get("Fn::GetAtt")
    return pointed[0] if isinstance(pointed, list) else pointed.split(".")[0] if pointed else None


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def nested(value: Any, key: str) -> Iterator[Any]:
    """Everything that stands under `key`, at any depth."""
    if isinstance(value, dict):
        for name, below in value.items():
            if name == key:
                yield below
            yield from nested(below, key)
    elif isinstance(value, list):
        for below in value:
            yield from nested(below, key)


def dead_letter_queues(template: Template) -> set[str]:
    """The queues in which something else lays down what it could not deal with."""
    named = [*nested(template, "deadLetterTargetArn")]
    for key in ("DeadLetterConfig", "DeadLetterQueue", "OnFailure"):
        for config in nested(template, key):
            named += [place for name in ("Arn", "TargetArn", "Destination") for place in nested(config, name)]
    queues = of_type(template, QUEUE)
    return {name for name in map(target, named) if name in queues}


def sqs_events(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, function in functions(template).items():
        for event in function.get("Events", {}).values():
            if event["Type"] == "SQS":
                yield name, event["Properties"]


def denies_plain_http(policy: dict[str, Any], service: str, resource: str) -> bool:
    for statement in policy["PolicyDocument"]["Statement"]:
        covered = {target(arn) for arn in as_list(statement.get("Resource", []))}
        secure = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
        if (
            statement["Effect"] == "Deny"
            and statement.get("Principal") == "*"
            and as_list(statement["Action"]) == [f"{service}:*"]
            and str(secure).lower() == "false"
            and resource in covered
        ):
            return True
    return False


def longest(template: Template, value: Any) -> int:
    """How many bytes a variable's value may have: a prompt in any alphabet, anything else in ASCII."""
    if isinstance(value, dict) and "Fn::If" in value:
        return max(longest(template, branch) for branch in value["Fn::If"][1:])
    if target(value) in of_type(template, BUCKET):
        return 63
    parameter = template["Parameters"].get(target(value))
    if parameter is None:
        return len(value) if isinstance(value, str) else 160  # the name, address or ARN of a resource
    if "MaxValue" in parameter:
        return len(str(parameter["MaxValue"]))
    if "AllowedValues" in parameter:
        return max(len(str(word)) for word in parameter["AllowedValues"])
    free = target(value) in {"VideoModels", "DefaultPrompt"}
    return parameter.get("MaxLength", 4096 if free else 64) * (3 if target(value) == "DefaultPrompt" else 1)


# ---------------------------------------------------------------- what a user reads and sets


def everything_is_described(template: Template) -> list[str]:
    parts = {**template["Parameters"], **template["Outputs"]}
    return [name for name, part in parts.items() if not part.get("Description")]


def no_server_is_assumed(template: Template) -> list[str]:
    return [name for name in ("VideoApiBaseUrl",) if "Default" in template["Parameters"][name]]


def arm64_is_the_default(template: Template) -> list[str]:
    default = template["Parameters"]["Architecture"].get("Default")
    wrong = [] if default == "arm64" else [f"Architecture is {default} by default"]
    return wrong + [
        name for name, function in functions(template).items() if function["Architectures"] != [{"Ref": "Architecture"}]
    ]


# ---------------------------------------------------------------- what a function may do


def each_function_has_a_role_of_its_own(template: Template) -> list[str]:
    roles, taken, wrong = properties(template, "AWS::IAM::Role"), set(), []
    for name, function in functions(template).items():
        role = target(function.get("Role"))
        if role not in roles or role in taken or "Policies" in function:
            wrong.append(name)
        taken.add(role)
    return wrong


def roles_have_inline_policies_only(template: Template) -> list[str]:
    roles = properties(template, "AWS::IAM::Role")
    attached = [*of_type(template, "AWS::IAM::Policy"), *of_type(template, "AWS::IAM::ManagedPolicy")]
    return [name for name, role in roles.items() if "ManagedPolicyArns" in role or not role.get("Policies")] + attached


def nothing_is_allowed_wholesale(template: Template) -> list[str]:
    wrong = []
    for block in nested(template, "Statement"):
        for statement in as_list(block):
            if statement["Effect"] != "Allow":
                continue
            actions = as_list(statement.get("Action", "*"))
            resources = as_list(statement.get("Resource", []))
            # Traces, and the tasks of other people's state machines, have no resource that could be named.
            nameless = all(str(action).startswith(("xray:", "states:SendTask")) for action in actions)
            if (
                any("*" in str(action) for action in actions)
                or "NotResource" in statement
                or ("*" in resources and not nameless)
                or statement.get("Principal") == "*"
            ):
                wrong.append(statement.get("Sid", json.dumps(actions)))
    return wrong


def no_secret_stands_in_an_environment(template: Template) -> list[str]:
    hidden = [name for name, parameter in template["Parameters"].items() if parameter.get("NoEcho")]
    telling = [text for name in hidden for text in (f'"Ref": "{name}"', f"${{{name}}}")] + ["{{resolve:"]
    places = {"Globals": template.get("Globals", {})} | properties(template, FUNCTION)
    wrong = [name for name, place in places.items() if any(text in json.dumps(place) for text in telling)]
    return wrong + [name for name in ("VideoApiKey",) if name not in hidden]


def a_function_is_given_only_the_layers_it_imports(template: Template) -> list[str]:
    given = {
        name: {target(layer) for layer in function.get("Layers", [])} for name, function in functions(template).items()
    }
    return [name for name, unwanted in NOT_FOR.items() if given[name] & unwanted or "SoraReadyLayer" not in given[name]]


# ---------------------------------------------------------------- how functions run


def functions_run_on_python_3_13(template: Template) -> list[str]:
    return [name for name, function in functions(template).items() if function.get("Runtime") != "python3.13"]


def logs_are_kept_for_a_while_only(template: Template) -> list[str]:
    groups = properties(template, "AWS::Logs::LogGroup")
    kept = {name for name, group in groups.items() if group.get("RetentionInDays")}
    return [
        name
        for name, function in functions(template).items()
        if target(function.get("LoggingConfig", {}).get("LogGroup")) not in kept
    ]


def batches_report_partial_failures(template: Template) -> list[str]:
    return [
        name
        for name, event in sqs_events(template)
        if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]
    ]


def messages_stay_hidden_while_they_are_worked_on(template: Template) -> list[str]:
    queues, all_functions = properties(template, QUEUE), functions(template)
    return [
        name
        for name, event in sqs_events(template)
        if queues[target(event["Queue"])].get("VisibilityTimeout", 30) < 6 * all_functions[name].get("Timeout", 3)
    ]


def logs_are_told_at_one_level(template: Template) -> list[str]:
    # The words that both Lambda's own filter and Python's logging know.
    shared = template["Parameters"]["LogLevel"]["AllowedValues"] == ["DEBUG", "INFO", "WARN", "ERROR"]
    return ([] if shared else ["LogLevel"]) + [
        name
        for name, function in functions(template).items()
        if function["LoggingConfig"].get("ApplicationLogLevel") != {"Ref": "LogLevel"}
        or function["LoggingConfig"].get("LogFormat") != "JSON"
    ]


def environments_fit_in_4_kb(template: Template) -> list[str]:
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    given = {name: shared | own["Environment"]["Variables"] for name, own in properties(template, FUNCTION).items()}
    return [name for name, all_ in given.items() if sum(len(key) + longest(template, all_[key]) for key in all_) > 4096]


# ---------------------------------------------------------------- queues


def every_queue_has_dead_letters_kept_for_14_days(template: Template) -> list[str]:
    queues, dead = properties(template, QUEUE), dead_letter_queues(template)
    without = [
        name
        for name, queue in queues.items()
        if name not in dead and target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")) not in queues
    ]
    return without + [name for name in dead if queues[name].get("MessageRetentionPeriod") != FOURTEEN_DAYS]


def queues_are_encrypted(template: Template) -> list[str]:
    return [
        name
        for name, queue in properties(template, QUEUE).items()
        if queue.get("SqsManagedSseEnabled") is not True and not queue.get("KmsMasterKeyId")
    ]


def queues_are_reached_over_tls_only(template: Template) -> list[str]:
    policies = properties(template, "AWS::SQS::QueuePolicy").values()
    return [
        name
        for name in of_type(template, QUEUE)
        if not any(
            name in map(target, policy["Queues"]) and denies_plain_http(policy, "sqs", name) for policy in policies
        )
    ]


def dead_letters_raise_an_alarm(template: Template) -> list[str]:
    watched = {
        target(dimension["Value"])
        for alarm in properties(template, "AWS::CloudWatch::Alarm").values()
        if alarm.get("Namespace") == "AWS/SQS" and alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm.get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    }
    return sorted(dead_letter_queues(template) - watched)


# ---------------------------------------------------------------- where data lies


def buckets_are_private(template: Template) -> list[str]:
    return [
        name
        for name, bucket in properties(template, BUCKET).items()
        if any(bucket.get("PublicAccessBlockConfiguration", {}).get(flag) is not True for flag in BLOCKED)
    ]


def buckets_are_encrypted(template: Template) -> list[str]:
    return [name for name, bucket in properties(template, BUCKET).items() if "BucketEncryption" not in bucket]


def buckets_are_reached_over_tls_only(template: Template) -> list[str]:
    policies = properties(template, "AWS::S3::BucketPolicy").values()
    return [
        name
        for name in of_type(template, BUCKET)
        if not any(target(policy["Bucket"]) == name and denies_plain_http(policy, "s3", name) for policy in policies)
    ]


def data_outlives_the_stack(template: Template) -> list[str]:
    lasting = of_type(template, BUCKET) | of_type(template, "AWS::DynamoDB::Table")
    return [
        name
        for name, thing in lasting.items()
        if {thing.get("DeletionPolicy"), thing.get("UpdateReplacePolicy")} != {"Retain"}
    ]
