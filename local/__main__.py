"""The command line of the local stack: `python -m local run | up | build | rehearse`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from local.build import BuildError, build_stack
from local.deploy import DeployError
from local.display import Display
from local.emulator import EmulatorError, forget_account
from local.rehearse import rehearse
from local.run import RunError, run_picture
from local.up import AlreadyUpError, keep_up
from sora_ready.domain.request import FIELDS

FOLDER = Path(".local")
WISHES = FIELDS


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0 only where it did what was asked."""
    given = _parser().parse_args(arguments)
    display = Display()
    forget_account()
    # However it is told to end, what it started ends with it.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # nohup asks for hang-ups to be ignored, and is heeded.
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, signal.default_int_handler)
    try:
        return given.command(given, display)  # type: ignore[no-any-return]
    except KeyboardInterrupt:
        told = "A job that was already sent goes on at the server; job.json tells how far it was."
        display.say_failed(f"Stopped. {told}" if given.command is _run else "Stopped.")
        return 130
    except (RunError, EmulatorError, DeployError, BuildError, AlreadyUpError, OSError) as error:
        display.say_failed(str(error))
        return 1


def _run(given: argparse.Namespace, display: Display) -> int:
    wishes = {name: value for name in WISHES if (value := getattr(given, name).strip())}
    image = Path(given.image) if given.image else None
    return 0 if run_picture(image, wishes, Path(given.out or "out"), FOLDER / "run", display) else 1


def _up(given: argparse.Namespace, display: Display) -> int:
    keep_up(
        FOLDER / "up",
        display,
        emulator_port=given.port,
        server_port=given.video_port,
        env_file=FOLDER / "env",
    )
    return 0


def _build(given: argparse.Namespace, display: Display) -> int:
    build_stack(Path(".aws-sam/build"), architecture=given.architecture)
    return 0


def _rehearse(given: argparse.Namespace, display: Display) -> int:
    return 0 if rehearse(FOLDER / "rehearse", display) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The whole stack on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="send one picture through the stack and write what came of it")
    run.add_argument("--image", default="", help="the picture; without it, a sample")
    for name in WISHES:
        run.add_argument(f"--{name}", default="", help=f"the picture's wish for {name}")
    run.add_argument("--out", default="out", help="where to write job.json, the ready copy and video.mp4")
    run.set_defaults(command=_run)

    up = commands.add_parser("up", help="keep the stack running until Ctrl-C")
    up.add_argument("--port", type=int, default=4566, help="port of the embedded AWS")
    up.add_argument("--video-port", type=int, default=4010, help="port of the stand-in video server")
    up.set_defaults(command=_up)

    build = commands.add_parser("build", help="sam validate --lint and sam build")
    build.add_argument("--architecture", default="arm64", choices=["arm64", "x86_64"])
    build.set_defaults(command=_build)

    practise = commands.add_parser("rehearse", help="sam build, sam deploy to the emulator, and a picture through it")
    practise.set_defaults(command=_rehearse)
    return parser


if __name__ == "__main__":
    sys.exit(main())
