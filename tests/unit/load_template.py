"""The stack's template, loaded so that a test can break one part of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.unit.template_rules import Template

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
GONE = object()


@cache
def template_as_json() -> str:
    return json.dumps(yaml_parse(TEMPLATE.read_text(encoding="utf-8")))


def load() -> Template:
    """The template with everything in it that a parameter may leave out of a list."""
    # Through JSON, so that parts which share a YAML anchor can be changed one at a time.
    loaded: Template = json.loads(template_as_json(), object_hook=_with_options)
    return loaded


def _with_options(part: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [_option(item) for item in value] if isinstance(value, list) else value for name, value in part.items()
    }


def _option(item: Any) -> Any:
    match item:
        case {"Fn::If": [_, option, {"Ref": "AWS::NoValue"}]}:
            return option
    return item


def change(template: Template, path: str, value: Any) -> None:
    """Set what stands at a path such as `Resources/Track/Properties/Timeout`, or take it out."""
    *way, last = path.split("/")
    place: Any = template
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is GONE:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
