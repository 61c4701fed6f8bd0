"""Loads the stack's template so that a test can break one part of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.unit.template_rules import Template

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
REMOVED = object()
"""The value with which `change` removes a part."""


@cache
def template_as_json() -> str:
    return json.dumps(yaml_parse(TEMPLATE.read_text(encoding="utf-8")))


def load() -> Template:
    """Return a fresh copy of the template, in which list items that depend on a condition are present."""
    # Through JSON, so that parts which share a YAML anchor can be changed one at a time.
    loaded: Template = json.loads(template_as_json(), object_hook=_with_conditional_items)
    return loaded


def _with_conditional_items(part: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [_item_if_true(item) for item in value] if isinstance(value, list) else value
        for name, value in part.items()
    }


def _item_if_true(item: Any) -> Any:
    match item:
        case {"Fn::If": [_, present, {"Ref": "AWS::NoValue"}]}:
            return present
    return item


def change(template: Template, path: str, value: Any) -> None:
    """Set the part at a path such as `Resources/Track/Properties/Timeout`, or remove it."""
    *parents, last = path.split("/")
    part: Any = template
    for step in parents:
        part = part[int(step)] if isinstance(part, list) else part[step]
    if value is REMOVED:
        del part[last]
    else:
        part[int(last) if isinstance(part, list) else last] = value
