"""Everything a picture needs on this machine, started together: AWS, the deployed stack, and a video server."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from boto3.dynamodb.types import TypeDeserializer

from local.deploy import Stack, deploy_template
from local.emulator import Emulator, start_emulator
from local.fake_video_server import FakeVideoServer, FakeVideoServerConfig, serve
from local.videos_api import VideosApi, find_videos_api, set_gateway_responses

FAKE_SERVER_KEY = "sk-local"
# What an S3 tag may hold, of what people write into these fields; anything else travels as metadata.
_TAG_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +-=._:/@")


@dataclass(frozen=True, slots=True)
class VideoServer:
    """The server that the stack submits to; `fake_server` is None for a real one. `models` adds to the catalog."""

    base_url: str
    key: str
    models: str = ""
    fake_server: FakeVideoServer | None = None

    def parameters(self) -> dict[str, str]:
        """What the template has to be told of this server."""
        return {"VideoApiBaseUrl": self.base_url, "VideoApiKey": self.key, "VideoModels": self.models}


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A running stack, and what a person does with it."""

    emulator: Emulator
    stack: Stack
    server: VideoServer
    log: Path

    @property
    def videos_api(self) -> VideosApi:
        """Where the stack's API is, with the token that opens it now."""
        return find_videos_api(self.emulator, self.stack)

    def drop_picture(self, path: Path, options: Mapping[str, str], *, key: str | None = None) -> str:
        """Put a picture into the upload bucket, its options as tags (the prompt as metadata); return its key."""
        tags = {name: value for name, value in options.items() if name != "prompt" and set(value) <= _TAG_ALPHABET}
        metadata = {name: quote(value, safe=" ") for name, value in options.items() if name not in tags}
        key = key or path.name
        self.emulator.client("s3").put_object(
            Bucket=self.stack.outputs["UploadBucket"],
            Key=key,
            Body=path.read_bytes(),
            Tagging=urlencode(tags),
            Metadata=metadata,
        )
        return key

    def find_jobs(self, key: str) -> list[dict[str, Any]]:
        """Return the records of every upload under `key`, oldest first."""
        reference = f"{self.stack.outputs['UploadBucket']}/{key}"
        answer = self.emulator.client("dynamodb").query(
            TableName=self.stack.outputs["JobsTable"],
            IndexName="by-source",
            KeyConditionExpression="source_ref = :reference",
            ExpressionAttributeValues={":reference": {"S": reference}},
        )
        return [read_record(item) for item in answer["Items"]]

    def download(self, place: Mapping[str, Any], target: Path) -> None:
        """Copy an object that a job record names (its `copy` or its `video`) to `target`."""
        self.emulator.client("s3").download_file(place["bucket"], place["key"], str(target))

    def count_dead_letters(self) -> int:
        """Return how many messages lie in the stack's dead-letter queues."""
        sqs = self.emulator.client("sqs")
        urls = [url for name, url in self.stack.outputs.items() if name.endswith("DeadLetters")]
        names = ["ApproximateNumberOfMessages"]
        return sum(
            int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]]) for url in urls
        )


def read_record(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a DynamoDB item as plain JSON-able values."""
    read = TypeDeserializer().deserialize
    told = {name: read(value) for name, value in item.items()}
    plain: dict[str, Any] = json.loads(json.dumps(told, default=_read_number))
    return plain


def _read_number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def real_server_from_environment() -> VideoServer | None:
    """Return the server that VIDEO_API_BASE_URL names, None where it names none. That server charges its prices.

    VIDEO_API_KEY is its key, VIDEO_MODELS its models as the template's parameter has them. Only `run` and `up` ask for
    it: tests and rehearsals never spend.
    """
    base_url = os.environ.get("VIDEO_API_BASE_URL", "").strip()
    if not base_url:
        return None
    return VideoServer(base_url, os.environ.get("VIDEO_API_KEY") or "none", os.environ.get("VIDEO_MODELS", ""))


@contextmanager
def start_fake_server(folder: Path, *, port: int = 0, render_seconds: float = 3.0) -> Iterator[VideoServer]:
    """Run a fake video server while the block runs."""
    # Each stack starts with nothing paid for.
    shutil.rmtree(folder, ignore_errors=True)
    config = FakeVideoServerConfig(key=FAKE_SERVER_KEY, port=port, data=folder, render_seconds=render_seconds)
    with serve(config) as fake_server:
        yield VideoServer(fake_server.base_url, FAKE_SERVER_KEY, fake_server=fake_server)


@contextmanager
def start_stack(
    folder: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
    emulator_port: int = 0,
    server_port: int = 0,
    real_server: VideoServer | None = None,
    render_seconds: float = 3.0,
    python: str = sys.executable,
    parameters: Mapping[str, str] | None = None,
) -> Iterator[LocalStack]:
    """Start all of it, its logs and the fake video server's files in `folder`; `say` hears of each step as it is done.

    `parameters` are the template's, beside those that name the video server. The stack submits to `real_server`, which
    costs money, or to a fake video server where that is None.
    """
    fake_server = start_fake_server(folder / "fake-video-server", port=server_port, render_seconds=render_seconds)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        nullcontext(real_server) if real_server else fake_server as server,
        start_emulator(folder / "emulator.log", port=emulator_port, python=python) as emulator,
    ):
        say(f"AWS is up on this machine ({emulator.endpoint})")
        stack = deploy_template(emulator, server.parameters() | dict(parameters or {}))
        set_gateway_responses(emulator, stack)
        say("template.yaml is deployed")
        say(f"{'fake video server' if server.fake_server else 'video server'} at {server.base_url}")
        yield LocalStack(emulator, stack, server, folder / "emulator.log")
