"""`make up`: keeps the stack running, for the AWS CLI, an SDK or a database browser."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi

from local import CommandError
from local.display import Display
from local.sample import make_sample
from local.stack import LocalStack, start_stack, start_video_server

# A shell that has a real account's settings must not mix them with the emulator's.
_UNSET = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


def keep_stack_up(folder: Path, display: Display, *, emulator_port: int, server_port: int, prefix: str = "") -> None:
    """Start the stack, write the file `env` for shells beside `folder`, and wait for Ctrl-C. Raises `CommandError`.

    Only uploads whose keys start with `prefix` become videos by themselves.
    """
    env_file = folder.with_name("env")
    with (
        _lock(folder),
        _explain_taken_ports(emulator_port, server_port),
        start_video_server(folder / "fake-video-server", port=server_port) as server,
        start_stack(
            folder, server, emulator_port=emulator_port, parameters={"UploadPrefix": prefix}, on_step=display.print_step
        ) as local,
    ):
        sample = make_sample(env_file.parent / "photo.jpg")
        write_env_file(local, env_file)
        try:
            _print_instructions(local, env_file, sample, display)
            threading.Event().wait()
        except KeyboardInterrupt:
            display.print_line("stopping")
        finally:
            env_file.unlink(missing_ok=True)
    display.print_line("stopped")


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the folder for this process: a second stack would empty the first one's fake video server."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(f"`make up` already runs in this folder (process {lock.read().strip()}).") from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def _explain_taken_ports(emulator_port: int, server_port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise CommandError(
            f"Port {emulator_port} or {server_port} is taken by another program, or both are the same. Choose others: "
            "make up PORT=14566 VIDEO_PORT=14010"
        ) from error


def write_env_file(local: LocalStack, env_file: Path) -> None:
    """Write a file that a shell can source, so that the AWS CLI reaches this emulator and nothing else."""
    lines = [f"unset {' '.join(_UNSET)}"]
    exported = local.emulator.environment() | _api_environment(local, env_file.with_name("certificates.pem"))
    lines += [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    tools = shlex.quote(str(Path(sys.executable).parent))
    lines.append(f'command -v aws >/dev/null || export PATH="$PATH:"{tools}')
    env_file.parent.mkdir(parents=True, exist_ok=True)
    env_file.touch(mode=0o600)
    env_file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _api_environment(local: LocalStack, ca_bundle: Path) -> dict[str, str]:
    """Return the variables with which the OpenAI SDK and curl reach the API, and still every other server."""
    emulator_ca = local.emulator.ca_bundle.read_text(encoding="utf-8")
    ca_bundle.parent.mkdir(parents=True, exist_ok=True)
    ca_bundle.write_text(Path(certifi.where()).read_text(encoding="utf-8") + emulator_ca, encoding="utf-8")
    api = local.videos_api
    trust = dict.fromkeys(("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), str(ca_bundle.resolve()))
    return {"OPENAI_BASE_URL": api.url, "OPENAI_API_KEY": api.token, **trust}


def _print_instructions(local: LocalStack, env_file: Path, sample: Path, display: Display) -> None:
    upload, output = local.stack.outputs["UploadBucket"], local.stack.outputs["OutputBucket"]
    for line in (
        "",
        f"  upload bucket  {upload}",
        f"  output bucket  {output}",
        f"  jobs table     {local.stack.outputs['JobsTable']}",
        f"  video server   {local.server.base_url}",
        f"  API            {local.videos_api.url}",
        "",
        "In another terminal, in this folder:",
        f"  . {env_file}",
        f"  aws s3api put-object --bucket {upload} --key photo.jpg --body {sample} --tagging 'mode=pad'",
        f"  aws s3 ls --recursive s3://{output}",
        f'  curl "$OPENAI_BASE_URL/videos" -H "Authorization: Bearer $OPENAI_API_KEY" -F input_reference=@{sample}',
        "",
        "The API's token is in OPENAI_API_KEY there, and in the secret that the output ApiTokenSecret names.",
        "",
        f"Ctrl-C (or: kill {os.getpid()}) stops it and deletes everything in it.",
    ):
        display.print_line(line)
