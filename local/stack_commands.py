"""What the commands of the local stack do. Loaded for them alone: the AWS SDK and the emulator take seconds to load."""

from __future__ import annotations

import argparse
from pathlib import Path

from local.build import BuildError, build_stack
from local.deploy import DeployError
from local.deploy_local import deploy_local
from local.display import Display
from local.emulator import EmulatorError, forget_account
from local.options import given_options
from local.run import RunError, run_picture
from local.up import AlreadyUpError, keep_up

FOLDER = Path(".local")


def carry_out(given: argparse.Namespace, display: Display) -> int:
    """Run a command of the stack; return 0 only where it did what was asked."""
    forget_account()
    try:
        return _COMMANDS[given.command](given, display)
    except (RunError, EmulatorError, DeployError, BuildError, AlreadyUpError) as error:
        display.say_failed(str(error))
        return 1


def _run(given: argparse.Namespace, display: Display) -> int:
    image = Path(given.image) if given.image else None
    return 0 if run_picture(image, given_options(given), Path(given.out or "out"), FOLDER / "run", display) else 1


def _up(given: argparse.Namespace, display: Display) -> int:
    keep_up(
        FOLDER / "up",
        display,
        emulator_port=given.port,
        server_port=given.video_port,
        env_file=FOLDER / "env",
        prefix=given.prefix,
    )
    return 0


def _build(given: argparse.Namespace, display: Display) -> int:
    build_stack(Path(".aws-sam/build"), architecture=given.architecture)
    return 0


def _rehearse(given: argparse.Namespace, display: Display) -> int:
    return 0 if deploy_local(FOLDER / "deploy_local", display) else 1


_COMMANDS = {"run": _run, "up": _up, "build": _build, "deploy_local": _rehearse}
