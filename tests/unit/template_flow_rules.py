"""Rules for how the stack's functions invoke each other, and for the alarms of what cannot continue by itself."""

from __future__ import annotations

from typing import Any

from sora_ready.adapters.metrics import JOB_NEEDS_OPERATOR, NAMESPACE
from sora_ready.pipeline.sweep import EVERY_MINUTES
from tests.unit.template_rules import QUEUE, Template, as_list, functions, of_type, properties, sqs_events, target

ALARM = "AWS::CloudWatch::Alarm"

ACTIONS = {
    "Normalize": {
        "JobsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"},
    },
    "Submit": {
        "JobsTable": {"dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Query"},
        "LedgerTable": {"dynamodb:UpdateItem", "dynamodb:PutItem"},
        "SubmitQueue": {
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
        },
        "TrackQueue": {"sqs:SendMessage"},
    },
    "Track": {
        "JobsTable": {"dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Query"},
        "LedgerTable": {"dynamodb:BatchGetItem", "dynamodb:PutItem"},
        "TrackQueue": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"},
    },
    "Sweep": {
        "JobsTable": {"dynamodb:Query", "dynamodb:GetItem", "dynamodb:UpdateItem"},
        "LedgerTable": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "NormalizeQueue": {"sqs:SendMessage"},
        "SubmitQueue": {"sqs:SendMessage"},
        "TrackQueue": {"sqs:SendMessage"},
    },
    "Api": {
        "JobsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"},
        "LedgerTable": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "SubmitQueue": {"sqs:SendMessage"},
        "TrackQueue": {"sqs:SendMessage"},
    },
    "Authorize": {},
    "Backfill": {
        "JobsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"},
    },
    "Publish": {
        "JobsTable": {
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        },
        "PublishDeadLetters": {"sqs:SendMessage"},
    },
}
"""What each function does to the tables and queues, besides receiving from the queue that invokes it."""


def granted(template: Template, name: str) -> dict[str, set[str]]:
    """The actions that a function's role allows on each table and queue."""
    role = properties(template, "AWS::IAM::Role")[str(target(functions(template)[name].get("Role")))]
    resources = of_type(template, QUEUE) | of_type(template, "AWS::DynamoDB::Table")
    found: dict[str, set[str]] = {}
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for resource in as_list(statement["Resource"]):
                arn = resource.get("Fn::Sub") if isinstance(resource, dict) else None
                named = as_list(arn)[0].removeprefix("${").split(".")[0] if arn else target(resource)
                if named in resources:
                    found.setdefault(named, set()).update(as_list(statement["Action"]))
    return found


def a_role_allows_exactly_what_its_function_does(template: Template) -> list[str]:
    wrong = []
    for name, needed in ACTIONS.items():
        own = {target(event["Queue"]) for invoked, event in sqs_events(template) if invoked == name} - set(needed)
        allowed = {resource: actions for resource, actions in granted(template, name).items() if resource not in own}
        wrong += [name] if allowed != needed else []
    return wrong + sorted(set(functions(template)) - set(ACTIONS))


def functions_that_invoke_themselves_allow_recursion(template: Template) -> list[str]:
    """Lambda stops a function that invokes itself, directly or through others, after 16 times unless it allows that."""
    readers = {target(event["Queue"]): name for name, event in sqs_events(template)}
    invokes = {
        name: {
            readers[queue]
            for queue, actions in granted(template, name).items()
            if "sqs:SendMessage" in actions and queue in readers
        }
        for name in functions(template)
    }
    wrong = []
    for name, function in functions(template).items():
        reached, new = set(invokes[name]), set(invokes[name])
        while new:
            new = {after for other in new for after in invokes[other]} - reached
            reached |= new
        wrong += [name] if (function.get("RecursiveLoop") == "Allow") != (name in reached) else []
    return wrong


def max_receives_is_the_queues_own(template: Template) -> list[str]:
    queues, wrong = properties(template, QUEUE), []
    for name, event in sqs_events(template):
        receives = queues[str(target(event["Queue"]))].get("RedrivePolicy", {}).get("maxReceiveCount")
        known = functions(template)[name]["Environment"]["Variables"].get("MAX_RECEIVES")
        wrong += [] if receives and known == str(receives) else [name]
    return wrong


def jobs_that_need_an_operator_raise_an_alarm(template: Template) -> list[str]:
    stack = {"Ref": "AWS::StackName"}
    alarms = [
        alarm
        for alarm in properties(template, ALARM).values()
        if (alarm["Namespace"], alarm["MetricName"]) == (NAMESPACE, JOB_NEEDS_OPERATOR)
        and alarm.get("Dimensions") == [{"Name": "stack", "Value": stack}]
        and (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)
    ]
    emits = functions(template)["Track"]["Environment"]["Variables"].get("STACK_NAME") == stack
    return ([] if alarms else [JOB_NEEDS_OPERATOR]) + ([] if emits else ["Track"])


def sweep_runs_as_often_as_its_code_expects(template: Template) -> list[str]:
    schedules = [
        event["Properties"]["Schedule"]
        for event in functions(template)["Sweep"]["Events"].values()
        if event["Type"] == "Schedule"
    ]
    return [] if schedules == [f"rate({EVERY_MINUTES} minutes)"] else schedules


def alarms_notify_the_topic(template: Template) -> list[str]:
    topic = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    return [name for name, alarm in properties(template, ALARM).items() if alarm.get("AlarmActions") != topic]


def streams(template: Template) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, event["Properties"])
        for name, function in functions(template).items()
        for event in function.get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    ]


def streams_keep_their_order_and_have_a_dead_letter_queue(template: Template) -> list[str]:
    tables = properties(template, "AWS::DynamoDB::Table")
    return [
        name
        for name, event in streams(template)
        if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]
        or event.get("BisectBatchOnFunctionError") is not True
        or event.get("StartingPosition") != "TRIM_HORIZON"
        or not 0 < event.get("MaximumRetryAttempts", -1) <= 10_000
        or target(event.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        not in of_type(template, QUEUE)
        or tables[str(target(event["Stream"]))].get("StreamSpecification", {}).get("StreamViewType")
        != "NEW_AND_OLD_IMAGES"
    ]
