"""Prints, as JSON, how a package that has the option `camera` accepts and documents it. Its folder is on PYTHONPATH."""

from __future__ import annotations

import argparse
import contextlib
import io
import json

from local.__main__ import main
from local.options import add_option_arguments, given_options, render_table
from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.options import OPTIONS
from sora_ready.domain.request import merge_options, parse_body
from sora_ready.entrypoints.api.bodies import read_create_body
from sora_ready.entrypoints.api.http import Request
from sora_ready.entrypoints.api.openapi import build_document
from sora_ready.entrypoints.invocations import parse_normalize_invocation
from sora_ready.entrypoints.settings import DefaultsSettings

CATALOG = load_catalog()
DEFAULTS = {"size": "auto", "model": "sora-2", "seconds": "4", "prompt": "a calm sea"}
ENVIRONMENT = {f"DEFAULT_{spec.name.upper()}": f"the stack's {spec.name}" for spec in OPTIONS.values()}


def merge(source: str, name: str) -> list[str]:
    return [
        f"{name}={option.value} ({option.source})" for name, option in merge_options([(source, {name: "pan"})]).items()
    ]


def refuse() -> list[object]:
    try:
        parse_body({"camera": "shaky"}, DEFAULTS, CATALOG)
    except RequestRejected as rejection:
        return [rejection.code, rejection.facts["allowed"]]
    return []


def parse_arguments(*arguments: str) -> dict[str, str]:
    command = argparse.ArgumentParser()
    add_option_arguments(command, for_video=True)
    return given_options(command.parse_args(arguments))


def show_help(command: str) -> str:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        main([command, "--help"])
    return shown.getvalue()


BODY = json.dumps({"camera": "pan", "input_reference": {"image_url": "s3://uploads/photo.jpg"}}).encode()
DOCUMENT = json.loads(json.dumps(build_document()))
SCHEMAS = DOCUMENT["components"]["schemas"]

print(
    json.dumps(
        {
            "tag": merge("tag", "Camera"),
            "metadata": merge("metadata", "camera_move"),
            "json body": parse_body({"camera": "pan"}, DEFAULTS, CATALOG),
            "refusal": refuse(),
            "api request": read_create_body(Request("POST", body=BODY), "s3://uploads/").fields,
            "direct invocation": parse_normalize_invocation({"bucket": "b", "key": "k", "camera": "pan"}).options,
            "openapi": [
                SCHEMAS[name]["properties"].get("camera") for name in ("CreateVideo", "CreateVideoForm", "CreateUpload")
            ],
            "command line": parse_arguments("--camera", "pan"),
            "make": parse_arguments(),
            "run --help": show_help("run"),
            "normalize --help": show_help("normalize"),
            "stack default": DefaultsSettings.from_environment(ENVIRONMENT | {"STACK_NAME": "s"}).defaults["camera"],
            "documentation": render_table(),
        }
    )
)
