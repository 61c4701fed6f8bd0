"""Rules for the stack's template. Each rule takes a template and returns the names of the parts that break it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]

FOURTEEN_DAYS = 14 * 24 * 60 * 60
BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
FORBIDDEN_LAYERS = {
    "Normalize": {"VideoApiLayer"},
    "Backfill": {"VideoApiLayer"},
    "Submit": {"ImagingLayer"},
    "Track": {"ImagingLayer"},
} | {name: {"ImagingLayer", "VideoApiLayer"} for name in ("Sweep", "Publish", "Api", "Authorize")}
"""The layers that a function must not have, because its code imports nothing from them."""
FUNCTION, QUEUE, BUCKET = "AWS::Serverless::Function", "AWS::SQS::Queue", "AWS::S3::Bucket"


def of_type(template: Template, kind: str) -> dict[str, Any]:
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}


def properties(template: Template, kind: str) -> dict[str, Any]:
    return {name: resource.get("Properties", {}) for name, resource in of_type(template, kind).items()}


def functions(template: Template) -> dict[str, Any]:
    """Each function's properties, merged with the globals."""
    shared = template.get("Globals", {}).get("Function", {})
    return {name: _merge(shared, own) for name, own in properties(template, FUNCTION).items()}


def _merge(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Merge maps at every depth, as SAM does; any other value of `own` replaces the shared one."""
    both = {name: _merge(shared[name], own[name]) for name in shared.keys() & own if isinstance(own[name], dict)}
    return shared | own | both


def target(value: Any) -> str | None:
    """The resource that a `!Ref` or a `!GetAtt` names; of an `!If`, the one for a true condition."""
    if not isinstance(value, dict):
        return None
    if "Fn::If" in value:
        return target(value["Fn::If"][1])
    named = value.get("Ref") or value.get("Fn::GetAtt")
    return str(named[0] if isinstance(named, list) else named.split(".")[0]) if named else None


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def nested(value: Any, key: str) -> Iterator[Any]:
    """Every value of `key`, at any depth."""
    if isinstance(value, dict):
        for name, below in value.items():
            if name == key:
                yield below
            yield from nested(below, key)
    elif isinstance(value, list):
        for below in value:
            yield from nested(below, key)


def dead_letter_queues(template: Template) -> set[str]:
    """The queues that receive what another queue, a rule or an event source could not process."""
    named = [*nested(template, "deadLetterTargetArn")]
    for key in ("DeadLetterConfig", "DeadLetterQueue", "OnFailure"):
        for config in nested(template, key):
            named += [arn for name in ("Arn", "TargetArn", "Destination") for arn in nested(config, name)]
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
    """The most bytes that a variable's value can have. A prompt may be in any alphabet, everything else is ASCII."""
    if isinstance(value, dict) and "Fn::If" in value:
        return max(longest(template, branch) for branch in value["Fn::If"][1:])
    name = target(value)
    if name is None:
        return len(value)
    return longest_parameter(template, name) if name in template["Parameters"] else longest_reference(template, name)


def longest_reference(template: Template, name: str) -> int:
    stack_name = 128
    if name == "AWS::StackName":
        return stack_name
    if name in of_type(template, "AWS::DynamoDB::Table"):
        return stack_name + len(f"-{name}-") + 13  # a random suffix
    # A bucket's name, a queue's URL, a secret's ARN.
    return {BUCKET: 63, QUEUE: 137, "AWS::SecretsManager::Secret": 160}[template["Resources"][name]["Type"]]


def longest_parameter(template: Template, name: str) -> int:
    parameter = template["Parameters"][name]
    if "MaxValue" in parameter:
        return len(str(parameter["MaxValue"]))
    if "AllowedValues" in parameter:
        return max(len(str(word)) for word in parameter["AllowedValues"])
    characters: int = parameter.get("MaxLength", 4096 if name in {"VideoModels", "DefaultPrompt"} else 64)
    return characters * (3 if name == "DefaultPrompt" else 1)


# ---------------------------------------------------------------- parameters and outputs


def everything_is_described(template: Template) -> list[str]:
    parts = {**template["Parameters"], **template["Outputs"]}
    return [name for name, part in parts.items() if not part.get("Description")]


def the_server_address_has_no_default(template: Template) -> list[str]:
    return [name for name in ("VideoApiBaseUrl",) if "Default" in template["Parameters"][name]]


def arm64_is_the_default(template: Template) -> list[str]:
    default = template["Parameters"]["Architecture"].get("Default")
    wrong = [] if default == "arm64" else [f"Architecture is {default} by default"]
    return wrong + [
        name for name, function in functions(template).items() if function["Architectures"] != [{"Ref": "Architecture"}]
    ]


# ---------------------------------------------------------------- permissions


def each_function_has_a_role_of_its_own(template: Template) -> list[str]:
    roles, used, wrong = properties(template, "AWS::IAM::Role"), set(), []
    for name, function in functions(template).items():
        role = target(function.get("Role"))
        if role not in roles or role in used or "Policies" in function:
            wrong.append(name)
        used.add(role)
    return wrong


def roles_have_inline_policies_only(template: Template) -> list[str]:
    roles = properties(template, "AWS::IAM::Role")
    attached = [*of_type(template, "AWS::IAM::Policy"), *of_type(template, "AWS::IAM::ManagedPolicy")]
    return [name for name, role in roles.items() if "ManagedPolicyArns" in role or not role.get("Policies")] + attached


def no_statement_allows_everything(template: Template) -> list[str]:
    wrong = []
    for block in nested(template, "Statement"):
        for statement in as_list(block):
            if statement["Effect"] != "Allow":
                continue
            actions = as_list(statement.get("Action", "*"))
            resources = as_list(statement.get("Resource", []))
            # Traces and task tokens have no resource to name.
            unnamed = all(str(action).startswith(("xray:", "states:SendTask")) for action in actions)
            if (
                any("*" in str(action) for action in actions)
                or "NotResource" in statement
                or ("*" in resources and not unnamed)
                or statement.get("Principal") == "*"
            ):
                wrong.append(statement.get("Sid", json.dumps(actions)))
    return wrong


def no_environment_holds_a_secret(template: Template) -> list[str]:
    hidden = [name for name, parameter in template["Parameters"].items() if parameter.get("NoEcho")]
    uses = [text for name in hidden for text in (f'"Ref": "{name}"', f"${{{name}}}")] + ["{{resolve:"]
    parts = {"Globals": template.get("Globals", {})} | properties(template, FUNCTION)
    wrong = [name for name, part in parts.items() if any(text in json.dumps(part) for text in uses)]
    return wrong + [name for name in ("VideoApiKey",) if name not in hidden]


def functions_have_only_the_layers_they_import(template: Template) -> list[str]:
    layers = {
        name: {target(layer) for layer in function.get("Layers", [])} for name, function in functions(template).items()
    }
    return [
        name
        for name, forbidden in FORBIDDEN_LAYERS.items()
        if layers[name] & forbidden or "SoraReadyLayer" not in layers[name]
    ]


# ---------------------------------------------------------------- functions


def functions_run_on_python_3_13(template: Template) -> list[str]:
    return [name for name, function in functions(template).items() if function.get("Runtime") != "python3.13"]


def log_groups_have_a_retention(template: Template) -> list[str]:
    groups = properties(template, "AWS::Logs::LogGroup")
    expiring = {name for name, group in groups.items() if group.get("RetentionInDays")}
    return [
        name
        for name, function in functions(template).items()
        if target(function.get("LoggingConfig", {}).get("LogGroup")) not in expiring
    ]


def batches_report_partial_failures(template: Template) -> list[str]:
    return [
        name
        for name, event in sqs_events(template)
        if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]
    ]


def messages_stay_invisible_for_six_timeouts(template: Template) -> list[str]:
    queues, all_functions = properties(template, QUEUE), functions(template)
    return [
        name
        for name, event in sqs_events(template)
        if queues[str(target(event["Queue"]))].get("VisibilityTimeout", 30) < 6 * all_functions[name].get("Timeout", 3)
    ]


def the_log_level_is_the_same_everywhere(template: Template) -> list[str]:
    # The levels that both Lambda's filter and Python's logging know.
    known = template["Parameters"]["LogLevel"]["AllowedValues"] == ["DEBUG", "INFO", "WARN", "ERROR"]
    return ([] if known else ["LogLevel"]) + [
        name
        for name, function in functions(template).items()
        if function["LoggingConfig"].get("ApplicationLogLevel") != {"Ref": "LogLevel"}
        or function["LoggingConfig"].get("LogFormat") != "JSON"
    ]


def environments_fit_in_4_kb(template: Template) -> list[str]:
    variables = {name: function["Environment"]["Variables"] for name, function in functions(template).items()}
    return [
        name
        for name, values in variables.items()
        if sum(len(key) + longest(template, value) for key, value in values.items()) > 4096
    ]


# ---------------------------------------------------------------- queues


def every_queue_has_a_dead_letter_queue_of_14_days(template: Template) -> list[str]:
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


def queues_require_tls(template: Template) -> list[str]:
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


# ---------------------------------------------------------------- buckets and tables


def buckets_are_private(template: Template) -> list[str]:
    return [
        name
        for name, bucket in properties(template, BUCKET).items()
        if any(bucket.get("PublicAccessBlockConfiguration", {}).get(flag) is not True for flag in BLOCKED)
    ]


def buckets_are_encrypted(template: Template) -> list[str]:
    return [name for name, bucket in properties(template, BUCKET).items() if "BucketEncryption" not in bucket]


def buckets_require_tls(template: Template) -> list[str]:
    policies = properties(template, "AWS::S3::BucketPolicy").values()
    return [
        name
        for name in of_type(template, BUCKET)
        if not any(target(policy["Bucket"]) == name and denies_plain_http(policy, "s3", name) for policy in policies)
    ]


def data_outlives_the_stack(template: Template) -> list[str]:
    stores = of_type(template, BUCKET) | of_type(template, "AWS::DynamoDB::Table")
    return [
        name
        for name, store in stores.items()
        if {store.get("DeletionPolicy"), store.get("UpdateReplacePolicy")} != {"Retain"}
    ]
