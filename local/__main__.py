"""The command line of this machine: `python -m local COMMAND`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from local.display import Display
from local.options import add_option_arguments, given_options, make_variable, write_table
from sora_ready.domain.errors import RequestRejected

STOPPED = {
    "run": "Stopped. A job that was already sent goes on at the server; job.json tells how far it was.",
    "normalize": "Stopped. Every file that was written is whole.",
    "wire": "Stopped. Run it again to see whether the bucket is wired.",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0 only where it did what was asked."""
    given = _parser().parse_args(arguments)
    display = Display()
    # However it is told to end, what it started ends with it.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # nohup asks for hang-ups to be ignored, and is heeded.
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, signal.default_int_handler)
    try:
        return _COMMANDS.get(given.command, _carry_out)(given, display)
    except KeyboardInterrupt:
        display.say_failed(STOPPED.get(given.command, "Stopped."))
        return 130
    except OSError as error:
        display.say_failed(str(error))
        return 1


# Each command loads what it needs: an answer to a mistyped option shall not wait for the AWS SDK.


def _carry_out(given: argparse.Namespace, display: Display) -> int:
    from local.stack_commands import carry_out  # noqa: PLC0415

    return carry_out(given, display)


def _normalize(given: argparse.Namespace, display: Display) -> int:
    from local.normalize import NormalizeCommand, NormalizeCommandError, normalize_photos, parse_options  # noqa: PLC0415

    try:
        sizes, frame_options = parse_options(given_options(given))
        order = NormalizeCommand(
            photos=given.photos,
            sizes=sizes,
            frame_options=frame_options,
            out=given.out,
            sheet=given.contact_sheet,
            jobs=given.jobs,
            force=given.force,
            samples=given.samples,
        )
        return 0 if normalize_photos(order) else 1
    except (RequestRejected, NormalizeCommandError) as error:
        display.say_failed(str(error))
        return 2


def _openapi(given: argparse.Namespace, display: Display) -> int:
    from sora_ready.entrypoints.api.openapi import build_document  # noqa: PLC0415

    given.out.write_text(json.dumps(build_document(), indent=2) + "\n", encoding="utf-8")
    display.say_done(str(given.out))
    return 0


def _options(given: argparse.Namespace, display: Display) -> int:
    write_table(given.out)
    display.say_done(str(given.out))
    return 0


def _wire(given: argparse.Namespace, display: Display) -> int:
    from local.connect_bucket import carry_out  # noqa: PLC0415

    return carry_out(given, display)


_COMMANDS = {"normalize": _normalize, "wire": _wire, "openapi": _openapi, "options": _options}


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535, 0 for any that is free")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="What Sora-Ready does, on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    run = commands.add_parser("run", help="send one picture through the stack and write what came of it")
    run.add_argument("--image", default=make_variable("image"), help="the picture; without it, a sample")
    add_option_arguments(run, for_video=True)
    out = make_variable("out")
    run.add_argument("--out", default=out, help="where to write job.json, the ready copy and video.mp4; default out")

    up = commands.add_parser("up", help="keep the stack running until Ctrl-C")
    up.add_argument("--port", type=_port, default=4566, help="port of the embedded AWS")
    up.add_argument("--video-port", type=_port, default=4010, help="port of the fake video server")
    up.add_argument("--prefix", default="", help="only uploads below it become videos by themselves")

    build = commands.add_parser("build", help="sam validate --lint and sam build")
    build.add_argument("--architecture", default="arm64", choices=["arm64", "x86_64"])

    commands.add_parser("deploy_local", help="sam build, sam deploy to the emulator, and a picture through it")
    openapi = commands.add_parser("openapi", help="write the API's OpenAPI document; no AWS")
    openapi.add_argument("--out", type=_path, default=Path("docs/openapi.json"), help="default docs/openapi.json")

    options = commands.add_parser("options", help="write the table of options into the README; no AWS")
    options.add_argument("--out", type=_path, default=Path("README.md"), help="default README.md")

    _add_wire(commands.add_parser("wire", help="have a bucket of yours publish its uploads, here or on AWS"))
    _add_normalize(commands.add_parser("normalize", help="turn photos into frames, or compare the modes; no AWS"))
    return parser


def _add_normalize(normalize: argparse.ArgumentParser) -> None:
    normalize.description = (
        "Turn photos into exact frames. Exit code: 0 all done, 1 some refused, 2 nothing begun. --size takes any "
        "WIDTHxHEIGHT too."
    )
    normalize.add_argument("photos", nargs="*", type=_path, metavar="PHOTO", help="a file, or a folder with all in it")
    add_option_arguments(normalize, for_video=False)
    normalize.add_argument("--out", type=_path, help="the folder for the frames; folders are kept below it")
    normalize.add_argument("--contact-sheet", type=_path, metavar="FILE", help="a picture of all modes side by side")
    normalize.add_argument("--samples", action="store_true", help="take the project's own drawn pictures too")
    normalize.add_argument("--jobs", type=_count, default=_cores(), help="pictures at a time; default all cores")
    normalize.add_argument("--force", action="store_true", help="replace files that are there already")


def _add_wire(wire: argparse.ArgumentParser) -> None:
    wire.description = (
        "Merge EventBridge into a bucket's notifications, with your own AWS settings. Nothing else of the bucket is "
        "touched. Exit code: 0 it is wired, or was only looked at; 1 it is not; 2 the order made no sense."
    )
    wire.add_argument("bucket", metavar="BUCKET", type=_bucket, help="a bucket that is there already")
    wire.add_argument("--prefix", default="", type=_prefix, help="which keys the stack shall take; default all")
    wire.add_argument("--stack", default="sora-ready", help="the stack that shall take them; default sora-ready")
    wire.add_argument("--yes", action="store_true", help="write without asking")
    wire.add_argument("--dry-run", action="store_true", help="show the difference and write nothing")


def _bucket(text: str) -> str:
    if not text or "/" in text or ":" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no bucket's name; leave out s3:// and what follows the name")
    return text


def _prefix(text: str) -> str:
    if text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} begins with a slash, and no key does; write {text.lstrip('/')!r}")
    return text


def _path(text: str) -> Path:
    # An unset variable of a shell; as a path it would mean the current folder.
    if not text:
        raise argparse.ArgumentTypeError("an empty name is no path")
    return Path(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def _cores() -> int:
    # Those that this process may use, where the system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
