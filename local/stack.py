"""The stack of `template.yaml` on this machine: the AWS emulator, the deployed stack, and a video server."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast
from urllib.parse import quote, urlencode

from boto3.dynamodb.types import TypeDeserializer

from local.deploy import Stack, deploy_template, set_gateway_responses
from local.emulator import Emulator, start_emulator
from local.fake_video_server import FakeVideoServer, FakeVideoServerConfig, serve

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

JobRecord: TypeAlias = dict[str, Any]
"""A job as the table holds it, as JSON: what `Job.from_record` reads."""

FAKE_SERVER_KEY = "sk-local"
# The characters of an S3 tag's value. An option with any other character is sent as metadata.
_TAG_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +-=._:/@")


@dataclass(frozen=True, slots=True)
class VideoServer:
    """The server that the stack submits to; `fake_server` is None for a real one. `models` adds to the catalog."""

    base_url: str
    key: str
    models: str = ""
    fake_server: FakeVideoServer | None = None

    def parameters(self) -> dict[str, str]:
        """Return the template's parameters for this server."""
        return {"VideoApiBaseUrl": self.base_url, "VideoApiKey": self.key, "VideoModels": self.models}


@dataclass(frozen=True, slots=True)
class VideosApi:
    """The API of a running stack: the SDK's `base_url` and its `api_key`."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A running stack, and what its users do with it. `log` is the file that the functions log to."""

    emulator: Emulator
    stack: Stack
    server: VideoServer
    log: Path

    @property
    def videos_api(self) -> VideosApi:
        """The API's URL on this machine, and its current token.

        Its host name differs from S3's, as on AWS: so a client that follows a redirect to S3 leaves the token out.
        """
        host = self.emulator.endpoint.replace("127.0.0.1", "localhost")
        secrets = self.emulator.client("secretsmanager")
        token = secrets.get_secret_value(SecretId=self.stack.outputs["ApiTokenSecret"])["SecretString"]
        return VideosApi(f"{host}/_aws/execute-api/{self.stack.api_id}/v1", token)

    def list_models(self) -> list[str]:
        """Return the names of the models that the API lists. Raises `OSError` if it doesn't respond with a list."""
        api = self.videos_api
        request = urllib.request.Request(f"{api.url}/models", headers={"Authorization": f"Bearer {api.token}"})
        tls = ssl.create_default_context(cafile=self.emulator.ca_bundle)
        with urllib.request.urlopen(request, context=tls, timeout=60) as response:
            return [model["id"] for model in json.load(response)["data"]]

    def upload_picture(self, path: Path, options: Mapping[str, str], *, key: str | None = None) -> str:
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

    def find_jobs(self, key: str) -> list[JobRecord]:
        """Return the records of every upload under `key`, oldest first."""
        response = self.emulator.client("dynamodb").query(
            TableName=self.stack.outputs["JobsTable"],
            IndexName="by-source",
            KeyConditionExpression="source_ref = :reference",
            ExpressionAttributeValues={":reference": {"S": f"{self.stack.outputs['UploadBucket']}/{key}"}},
        )
        return [_item_to_record(item) for item in response["Items"]]

    def download_output(self, key: str, path: Path) -> None:
        """Download a ready copy or a video from the output bucket to `path`."""
        self.emulator.client("s3").download_file(self.stack.outputs["OutputBucket"], key, str(path))

    def count_dead_letters(self) -> int:
        """Return the number of messages in the stack's dead-letter queues."""
        sqs = self.emulator.client("sqs")
        queues = [url for name, url in self.stack.outputs.items() if name.endswith("DeadLetters")]
        count: Literal["ApproximateNumberOfMessages"] = "ApproximateNumberOfMessages"
        return sum(
            int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[count])["Attributes"][count]) for url in queues
        )


def start_video_server(folder: Path, *, port: int = 0) -> AbstractContextManager[VideoServer]:
    """Use the real server that VIDEO_API_BASE_URL names, which charges its prices, else start a fake one.

    VIDEO_API_KEY is the real server's key, VIDEO_MODELS its models in the format of the template's parameter. Only
    `run` and `up` use it: tests and `deploy-local` never spend.
    """
    base_url, key = os.environ.get("VIDEO_API_BASE_URL", "").strip(), os.environ.get("VIDEO_API_KEY") or "none"
    if not base_url:
        return start_fake_server(folder, port=port)
    return nullcontext(VideoServer(base_url, key, os.environ.get("VIDEO_MODELS", "")))


@contextmanager
def start_fake_server(folder: Path, *, port: int = 0, render_seconds: float = 3.0) -> Iterator[VideoServer]:
    """Run a fake video server with its files in `folder`, which is emptied first, until the block ends."""
    shutil.rmtree(folder, ignore_errors=True)
    config = FakeVideoServerConfig(key=FAKE_SERVER_KEY, port=port, data=folder, render_seconds=render_seconds)
    with serve(config) as fake_server:
        yield VideoServer(fake_server.base_url, FAKE_SERVER_KEY, fake_server=fake_server)


@contextmanager
def start_stack(
    folder: Path,
    server: VideoServer,
    *,
    emulator_port: int = 0,
    parameters: Mapping[str, str] | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Iterator[LocalStack]:
    """Start the emulator, its log in `folder`, and deploy the stack to it; `on_step` gets a line after each step.

    `parameters` are the template's, besides those of the video server. Raises `CommandError`.
    """
    log = folder / "emulator.log"
    with start_emulator(log, port=emulator_port) as emulator:
        on_step(f"AWS is up on this machine ({emulator.endpoint})")
        stack = deploy_template(emulator, server.parameters() | dict(parameters or {}))
        set_gateway_responses(emulator, stack)
        on_step("template.yaml is deployed")
        on_step(f"{'fake video server' if server.fake_server else 'video server'} at {server.base_url}")
        yield LocalStack(emulator, stack, server, log)


def _item_to_record(item: Mapping[str, AttributeValueTypeDef]) -> JobRecord:
    deserialize = TypeDeserializer().deserialize
    values = {name: deserialize(value) for name, value in item.items()}
    # What JSON has no type for is a Decimal.
    return cast("JobRecord", json.loads(json.dumps(values, default=lambda n: int(n) if n == int(n) else float(n))))
