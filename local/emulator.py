"""The AWS emulator MiniStack: a process of its own, on loopback only."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
import trustme
from botocore.client import BaseClient

from local import CommandError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

REGION = "us-east-1"
# The emulator accepts these keys for the root of its one account. No other service does.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
START_SECONDS = 60
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator: its address, and clients for it that cannot reach a real account."""

    endpoint: str
    ca_bundle: Path
    pid: int

    @overload
    def client(self, service: Literal["cloudformation"]) -> CloudFormationClient: ...
    @overload
    def client(self, service: Literal["dynamodb"]) -> DynamoDBClient: ...
    @overload
    def client(self, service: Literal["events"]) -> EventBridgeClient: ...
    @overload
    def client(self, service: Literal["s3"]) -> S3Client: ...
    @overload
    def client(self, service: Literal["secretsmanager"]) -> SecretsManagerClient: ...
    @overload
    def client(self, service: Literal["sqs"]) -> SQSClient: ...
    @overload
    def client(self, service: str) -> Any: ...
    def client(self, service: str) -> object:
        """Return the boto3 client for `service`, created once: a job is polled often."""
        return _create_client(service, self.endpoint, self.ca_bundle)

    def environment(self) -> dict[str, str]:
        """Return what a shell must export for the AWS CLI, SAM or an SDK to use this emulator."""
        return {
            **CREDENTIALS,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(self.ca_bundle),
        }


@cache
def _create_client(service: str, endpoint: str, ca_bundle: Path) -> BaseClient:
    return boto3.client(  # type: ignore[no-any-return, call-overload]  # the stubs have a fixed list of services
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        verify=str(ca_bundle),
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def clear_aws_environment() -> None:
    """Remove the user's AWS settings from this process, so that no SDK can reach a real account.

    Loopback is exempted from any proxy.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull))
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name, ""), "127.0.0.1", "localhost"]))


@contextmanager
def start_emulator(log: Path, *, port: int = 0, python: str = sys.executable) -> Iterator[Emulator]:
    """Run the emulator until the block ends, on `port` of 127.0.0.1 (0: any free one).

    The emulator and the functions run with the interpreter `python` and its packages. Raises `CommandError`, and
    `OSError` if another program has the port.
    """
    port = _bind_port(port)
    endpoint = f"https://127.0.0.1:{port}"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sora-ready-emulator-") as folder, log.open("wb") as output:
        state = Path(folder)
        ca_bundle = _issue_certificate(state)
        process = subprocess.Popen(
            # -P: the emulator must not import what is in the script's folder.
            [python, "-P", str(Path(__file__).with_name("emulator_patches.py"))],
            env=_environment(port, state),
            cwd=state,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # In a group of its own: Ctrl-C reaches only this program, which then ends the emulator and its functions.
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, endpoint, ca_bundle, log)
            yield Emulator(endpoint, ca_bundle, process.pid)
        finally:
            _stop(process)


def _issue_certificate(folder: Path) -> Path:
    """Create a temporary authority and its certificate for loopback; return the CA bundle for clients.

    The stack's buckets and queues refuse plain HTTP, here as on AWS.
    """
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(folder / "server.key")
    issued.cert_chain_pems[0].write_to_path(folder / "server.crt")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "ca.pem"


def _environment(port: int, state: Path) -> dict[str, str]:
    # The functions inherit this environment, so the user's own Python settings are left out.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {
        **inherited,
        **CREDENTIALS,
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "STATE_DIR": str(state),
        "TMPDIR": str(state),
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(state / "server.crt"),
        "MINISTACK_SSL_KEY": str(state / "server.key"),
        "AWS_CA_BUNDLE": str(state / "ca.pem"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # Roles are enforced, so a permission that the template lacks is missing here too.
        "AUTH": "true",
    }


def _wait_until_ready(process: subprocess.Popen[bytes], endpoint: str, ca_bundle: Path, log: Path) -> None:
    https = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_bundle))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(f"{endpoint}/_ministack/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise CommandError(f"The AWS emulator did not start on {endpoint}. Its log is {log}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    with _stop_signals_ignored():
        process.terminate()
        # It would wait much longer for idle connections, and there is no state to save.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        # macOS raises EPERM, not ESRCH, for a group that has ended.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _stop_signals_ignored() -> Iterator[None]:
    """Ignore the signals that would end this program: a second Ctrl-C must not leave the functions running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(number, signal.SIG_IGN) for number in STOP_SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(STOP_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _bind_port(port: int) -> int:
    """Return `port`, or a free one for 0. Raises `OSError` if another program has it."""
    with socket.create_server(("127.0.0.1", port)) as probe:
        return int(probe.getsockname()[1])
