"""The command line of this machine: `python -m local COMMAND`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from local import CommandError
from local.display import Display
from local.options import add_option_arguments, check_make_variables, given_options, make_variable, write_table
from sora_ready.domain.errors import RequestRejected

FOLDER = Path(".local")
INTERRUPTED = {
    "run": "Stopped. A job that was already sent continues at the server; job.json holds its last status.",
    "normalize": "Stopped. Every file that was written is whole.",
    "connect-bucket": "Stopped. Run it again to see whether the bucket is connected.",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code, which is 0 only if it succeeded."""
    options = _parser().parse_args(arguments)
    display = Display()
    # Whichever signal ends this program, it stops what it started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup sets hang-ups to be ignored, which stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        return _COMMANDS[options.command](options, display)
    except KeyboardInterrupt:
        display.print_error(INTERRUPTED.get(options.command, "Stopped."))
        return 130
    except (CommandError, OSError) as error:
        display.print_error(str(error))
        return 1


# ---------------------------------------------------------------- the commands
# Each imports what it needs: the AWS SDK and the emulator take seconds to load, and most commands need neither.


def _stack_command(options: argparse.Namespace, display: Display) -> int:
    from local.emulator import clear_aws_environment  # noqa: PLC0415
    from local.run import run_picture  # noqa: PLC0415
    from local.sam_cli import build_stack, deploy_local  # noqa: PLC0415
    from local.up import keep_stack_up  # noqa: PLC0415

    clear_aws_environment()
    succeeded = True
    if options.command == "run":
        check_make_variables("image", "out", "python", "bin", "workers")
        image = Path(options.image) if options.image else None
        succeeded = run_picture(image, given_options(options), Path(options.out or "out"), FOLDER / "run", display)
    elif options.command == "up":
        keep_stack_up(
            FOLDER / "up", display, emulator_port=options.port, server_port=options.video_port, prefix=options.prefix
        )
    elif options.command == "build":
        build_stack(Path(".aws-sam/build"), architecture=options.architecture)
    else:
        succeeded = deploy_local(FOLDER / "deploy-local", display)
    return 0 if succeeded else 1


def _normalize(options: argparse.Namespace, display: Display) -> int:
    from local.normalize import NormalizeCommand, normalize_photos, parse_options  # noqa: PLC0415

    try:
        sizes, frame_options = parse_options(given_options(options))
        command = NormalizeCommand(
            paths=options.photos,
            sizes=sizes,
            frame_options=frame_options,
            out=options.out,
            contact_sheet=options.contact_sheet,
            jobs=options.jobs,
            force=options.force,
            samples=options.samples,
        )
        return 0 if normalize_photos(command, display) else 1
    except (RequestRejected, CommandError) as error:
        display.print_error(str(error))
        return 2


def _openapi(options: argparse.Namespace, display: Display) -> int:
    from sora_ready.entrypoints.api.openapi import build_document  # noqa: PLC0415

    options.out.write_text(json.dumps(build_document(), indent=2) + "\n", encoding="utf-8")
    display.print_step(str(options.out))
    return 0


def _options_table(options: argparse.Namespace, display: Display) -> int:
    write_table(options.out)
    display.print_step(str(options.out))
    return 0


def _connect_bucket(options: argparse.Namespace, display: Display) -> int:
    from local.connect_bucket import ConnectBucketCommand, run_connect_bucket  # noqa: PLC0415

    command = ConnectBucketCommand(options.bucket, options.prefix, options.stack, options.yes, options.dry_run)
    return 0 if run_connect_bucket(command, display) else 1


_COMMANDS: dict[str, Callable[[argparse.Namespace, Display], int]] = {
    "run": _stack_command,
    "up": _stack_command,
    "build": _stack_command,
    "deploy-local": _stack_command,
    "normalize": _normalize,
    "openapi": _openapi,
    "options": _options_table,
    "connect-bucket": _connect_bucket,
}


# ---------------------------------------------------------------- the arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="Sora-Ready on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    run = commands.add_parser("run", help="send one picture through the stack and write the results")
    run.add_argument("--image", default=make_variable("image"), help="the picture; without it, a sample")
    add_option_arguments(run, for_video=True)
    out = make_variable("out")
    run.add_argument("--out", default=out, help="where to write job.json, the ready copy and video.mp4; default out")

    up = commands.add_parser("up", help="keep the stack running until Ctrl-C")
    up.add_argument("--port", type=_port, default=4566, help="port of the AWS emulator")
    up.add_argument("--video-port", type=_port, default=4010, help="port of the fake video server")
    up.add_argument("--prefix", default="", help="only uploads whose keys start with it become videos by themselves")

    build = commands.add_parser("build", help="sam validate --lint and sam build")
    build.add_argument("--architecture", default="arm64", choices=["arm64", "x86_64"])

    commands.add_parser("deploy-local", help="sam build, sam deploy to the emulator, and a picture through the stack")
    openapi = commands.add_parser("openapi", help="write the API's OpenAPI document; no AWS")
    openapi.add_argument("--out", type=_path, default=Path("docs/openapi.json"), help="default docs/openapi.json")

    table = commands.add_parser("options", help="write the table of options into the README; no AWS")
    table.add_argument("--out", type=_path, default=Path("README.md"), help="default README.md")

    _add_connect_bucket(
        commands.add_parser("connect-bucket", help="have your bucket send its uploads to EventBridge, here or on AWS")
    )
    _add_normalize(commands.add_parser("normalize", help="turn photos into frames, or compare the modes; no AWS"))
    return parser


def _add_normalize(normalize: argparse.ArgumentParser) -> None:
    normalize.description = (
        "Turn photos into exact frames. Exit code: 0 all photos became frames, 1 some were refused, 2 the arguments "
        "cannot be used. --size takes any WIDTHxHEIGHT too."
    )
    normalize.add_argument("photos", nargs="*", type=_path, metavar="PHOTO", help="a file, or a folder of photos")
    add_option_arguments(normalize, for_video=False)
    normalize.add_argument("--out", type=_path, help="the folder for the frames; it keeps the photos' subfolders")
    normalize.add_argument("--contact-sheet", type=_path, metavar="FILE", help="a picture of all modes side by side")
    normalize.add_argument("--samples", action="store_true", help="add the project's own sample pictures")
    normalize.add_argument("--jobs", type=_count, default=_cores(), help="photos at the same time; default all cores")
    normalize.add_argument("--force", action="store_true", help="replace existing files")


def _add_connect_bucket(connect: argparse.ArgumentParser) -> None:
    connect.description = (
        "Merge EventBridge into a bucket's notifications, with your own AWS settings. Nothing else of the bucket is "
        "changed. Exit code: 0 it is connected, or was only looked at; 1 it is not; 2 the arguments cannot be used."
    )
    connect.add_argument("bucket", metavar="BUCKET", type=_bucket, help="an existing bucket")
    connect.add_argument(
        "--prefix", default="", type=_prefix, help="the keys that the stack shall process; default all"
    )
    connect.add_argument("--stack", default="sora-ready", help="the stack that shall process them; default sora-ready")
    connect.add_argument("--yes", action="store_true", help="write without asking")
    connect.add_argument("--dry-run", action="store_true", help="show the difference and write nothing")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535, 0 for any that is free")
    return int(text)


def _bucket(text: str) -> str:
    if not text or "/" in text or ":" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a bucket's name; leave out s3:// and what follows the name")
    return text


def _prefix(text: str) -> str:
    if text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} starts with a slash, and no key does; write {text.lstrip('/')!r}")
    return text


def _path(text: str) -> Path:
    # Most likely an unset variable of a shell. As a path it would mean the current folder.
    if not text:
        raise argparse.ArgumentTypeError("an empty name is not a path")
    return Path(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def _cores() -> int:
    # The cores that this process may use, where the system reports them.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
