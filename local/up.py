"""`make up`: the same stack, kept running, for the AWS CLI, an SDK or a browser of tables."""

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

from local.display import Display
from local.sample import make_sample
from local.stack import LocalStack, real_server_from_environment, start_stack

# A shell that had a real account's settings must not mix them with these.
_FORGET = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


class AlreadyUpError(RuntimeError):
    """The stack, or a port that it needs, is in use. The message says by whom, or how to choose another."""


def keep_up(
    folder: Path, display: Display, *, emulator_port: int, server_port: int, env_file: Path, prefix: str = ""
) -> None:
    """Start the stack, write what a shell needs into `env_file`, and wait for Ctrl-C. Raises `AlreadyUpError`.

    Only uploads whose keys begin with `prefix` become videos by themselves.
    """
    with (
        _lock(folder),
        _explained_ports(emulator_port, server_port),
        start_stack(
            folder,
            say=display.say_done,
            emulator_port=emulator_port,
            server_port=server_port,
            real_server=real_server_from_environment(),
            parameters={"UploadPrefix": prefix},
        ) as local,
    ):
        sample = make_sample(env_file.parent / "photo.jpg")
        write_env(local, env_file)
        try:
            _explain(local, env_file, sample, display)
            threading.Event().wait()
        except KeyboardInterrupt:
            display.say_plain("stopping")
        finally:
            env_file.unlink(missing_ok=True)
    display.say_plain("stopped")


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the folder for this process: a second stack in it would clear what the first one knows."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyUpError(f"`make up` already runs in this folder (process {lock.read().strip()}).") from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def _explained_ports(emulator_port: int, server_port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise AlreadyUpError(
            f"Port {emulator_port} or {server_port} is taken by another program, or both are the same. Choose others: "
            "make up PORT=14566 VIDEO_PORT=14010"
        ) from error


def write_env(local: LocalStack, env_file: Path) -> None:
    """Write a file that a shell can source, so that the AWS CLI speaks to this emulator and to nothing else."""
    lines = [f"unset {' '.join(_FORGET)}"]
    exported = local.emulator.environment() | _describe_videos_api(local, env_file.with_name("certificates.pem"))
    lines += [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    tools = shlex.quote(str(Path(sys.executable).parent))
    lines.append(f'command -v aws >/dev/null || export PATH="$PATH:"{tools}')
    env_file.parent.mkdir(parents=True, exist_ok=True)
    env_file.touch(mode=0o600)
    env_file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _describe_videos_api(local: LocalStack, bundle: Path) -> dict[str, str]:
    """Return what the OpenAI SDK and curl must be told to reach the API, and all else that they could reach."""
    own = local.emulator.ca_bundle.read_text(encoding="utf-8")
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text(Path(certifi.where()).read_text(encoding="utf-8") + own, encoding="utf-8")
    trust = str(bundle.resolve())
    return {
        "OPENAI_BASE_URL": local.videos_api.url,
        "OPENAI_API_KEY": local.videos_api.token,
        "SSL_CERT_FILE": trust,
        "CURL_CA_BUNDLE": trust,
        "REQUESTS_CA_BUNDLE": trust,
    }


def _explain(local: LocalStack, env_file: Path, sample: Path, display: Display) -> None:
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
        f"Ctrl-C (or: kill {os.getpid()}) stops it and forgets everything.",
    ):
        display.say_plain(line)
