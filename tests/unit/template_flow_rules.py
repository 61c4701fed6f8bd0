"""The rules for how the stack's functions wake each other, and for what cannot go on by itself."""

from __future__ import annotations

from typing import Any

from sora_ready.pipeline.reconcile import NEEDS_A_PERSON
from sora_ready.pipeline.sweep import EVERY_MINUTES
from tests.unit.template_rules import QUEUE, Template, as_list, functions, of_type, properties, sqs_events, target

ALARM, FILTER = "AWS::CloudWatch::Alarm", "AWS::Logs::MetricFilter"

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
"""What each function does to the tables and queues; a function does nothing to those that are not named with it."""


def granted(template: Template, name: str) -> dict[str, set[str]]:
    """What a function's role may do to each table and queue."""
    role = properties(template, "AWS::IAM::Role")[str(target(functions(template)[name].get("Role")))]
    things = of_type(template, QUEUE) | of_type(template, "AWS::DynamoDB::Table")
    found: dict[str, set[str]] = {}
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for resource in as_list(statement["Resource"]):
                words = resource.get("Fn::Sub") if isinstance(resource, dict) else None
                place = as_list(words)[0].removeprefix("${").split(".")[0] if words else target(resource)
                if place in things:
                    found.setdefault(place, set()).update(as_list(statement["Action"]))
    return found


def a_role_allows_what_its_function_does_and_no_more(template: Template) -> list[str]:
    wrong = []
    for name, needed in ACTIONS.items():
        given = granted(template, name)
        own = {target(event["Queue"]) for waked, event in sqs_events(template) if waked == name} - set(needed)
        wrong += [name] if {place: does for place, does in given.items() if place not in own} != needed else []
    return wrong + sorted(set(functions(template)) - set(ACTIONS))


def what_may_wake_itself_says_so(template: Template) -> list[str]:
    """Lambda stops a function that is resumed 16 times by its own doing, unless it is told that this is meant."""
    readers = {target(event["Queue"]): name for name, event in sqs_events(template)}
    wakes = {
        name: {
            readers[queue]
            for queue, does in granted(template, name).items()
            if "sqs:SendMessage" in does and queue in readers
        }
        for name in functions(template)
    }
    wrong = []
    for name, function in functions(template).items():
        reached, new = set(wakes[name]), set(wakes[name])
        while new:
            new = {after for other in new for after in wakes[other]} - reached
            reached |= new
        wrong += [name] if (function.get("RecursiveLoop") == "Allow") != (name in reached) else []
    return wrong


def a_function_knows_its_queues_last_try(template: Template) -> list[str]:
    queues, wrong = properties(template, QUEUE), []
    for name, event in sqs_events(template):
        tries = queues[str(target(event["Queue"]))].get("RedrivePolicy", {}).get("maxReceiveCount")
        told = functions(template)[name]["Environment"]["Variables"].get("MAX_RECEIVES")
        wrong += [] if tries and told == str(tries) else [name]
    return wrong


def the_line_that_asks_for_a_person_raises_an_alarm(template: Template) -> list[str]:
    pattern = f'{{ $.message = "{NEEDS_A_PERSON}" }}'
    groups = {target(functions(template)["Track"]["LoggingConfig"]["LogGroup"])}
    metrics = {
        (str(entry["MetricNamespace"]), entry["MetricName"])
        for heard in properties(template, FILTER).values()
        if heard["FilterPattern"] == pattern and target(heard["LogGroupName"]) in groups
        for entry in heard["MetricTransformations"]
    }
    watched = {
        (str(alarm["Namespace"]), alarm["MetricName"])
        for alarm in properties(template, ALARM).values()
        if alarm.get("Statistic") == "Sum"
    }
    return [] if metrics & watched else ["NEEDS_A_PERSON"]


def sweep_comes_as_often_as_it_thinks(template: Template) -> list[str]:
    schedules = [
        event["Properties"]["Schedule"]
        for event in functions(template)["Sweep"]["Events"].values()
        if event["Type"] == "Schedule"
    ]
    return [] if schedules == [f"rate({EVERY_MINUTES} minutes)"] else schedules


def alarms_tell_the_topic(template: Template) -> list[str]:
    told = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    return [name for name, alarm in properties(template, ALARM).items() if alarm.get("AlarmActions") != told]


def streams(template: Template) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, event["Properties"])
        for name, function in functions(template).items()
        for event in function.get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    ]


def a_stream_is_read_in_order_and_gives_up_into_a_queue(template: Template) -> list[str]:
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
