"""The commands that use the SAM CLI: `make build`, and `make deploy-local`, which deploys that build to the emulator.

For `deploy-local` the emulator runs with a Python 3.13 that has neither Pillow nor openai, because the functions run
with the same interpreter: what they import can only come from the layers that were built.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local import CommandError
from local.deploy import ROOT, load_template, set_gateway_responses, wait_for_stack
from local.display import Display
from local.emulator import REGION, start_emulator
from local.run import print_result, save_outputs, watch_job
from local.sample import make_sample
from local.stack import LocalStack, start_fake_server

SAM = Path(".venv-sam/bin/sam")
RUNTIME = "python3.13"
STACK = "deploy-local"
LOCAL_BUILD = Path(".aws-sam/deploy-local")
LAMBDA_VENV = Path(".venv-lambda")
LAMBDA_REQUIREMENTS = Path("requirements/lambda.txt")
UV = Path(".venv/bin/uv")
# Lambda itself allows 250 MB. Unpacking is part of every cold start.
MAX_UNZIPPED_BYTES = 120_000_000


def build_stack(folder: Path, *, architecture: str) -> Path:
    """Lint `template.yaml` and build it for `architecture` into `folder`; return the built template's path."""
    run_sam("validate", "--lint")
    run_sam("build", "--build-dir", str(folder), "--parameter-overrides", f"Architecture={architecture}")
    return folder / "template.yaml"


def deploy_local(folder: Path, display: Display) -> bool:
    """Build the stack, deploy it to the emulator and send the sample picture; return whether its job completed.

    Raises `CommandError`.
    """
    architecture = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    template = build_stack(LOCAL_BUILD, architecture=architecture)
    display.print_step(f"built for {architecture}")
    for name, size in measure_functions(template).items():
        display.print_line(f"  {name} with its layers: {size / 1e6:.0f} MB unzipped")
    python = create_lambda_venv()
    display.print_step(f"a Python like Lambda's is ready in {LAMBDA_VENV}")
    log = folder / "emulator.log"
    with start_fake_server(folder / "fake-video-server") as server, start_emulator(log, python=str(python)) as emulator:
        run_sam(
            *("deploy", "--template-file", str(template), "--stack-name", STACK, "--no-progressbar"),
            # SAM looks beside the built template otherwise.
            *("--config-file", str(ROOT / "samconfig.toml")),
            *("--parameter-overrides", f"Architecture={architecture}"),
            *(f"{name}={value}" for name, value in server.parameters().items() if value),
            environment=emulator.environment(),
        )
        stack = wait_for_stack(emulator, STACK)
        set_gateway_responses(emulator, stack)
        local = LocalStack(emulator, stack, server, log)
        display.print_step("deployed by sam deploy")
        display.print_step(f"the API lists its models: {', '.join(local.list_models())}")
        key = local.upload_picture(make_sample(folder / "sample.jpg"), {})
        job = watch_job(local, key, folder, display)
        save_outputs(local, job, folder)
    return print_result(job, folder, display)


def run_sam(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run SAM in the checkout, with a Python of the functions' version on PATH. Raises `CommandError`."""
    path = os.pathsep.join([str(find_python().parent), os.environ.get("PATH", "")])
    offline = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
    variables = {**os.environ, **offline, **(environment or {}), "PATH": path}
    finished = subprocess.run([str(ROOT / SAM), *arguments], cwd=ROOT, env=variables, check=False)
    if finished.returncode:
        raise CommandError(f"sam {arguments[0]} failed. Its output is above.")


def find_python() -> Path:
    """Return a Python 3.13 that runs: from PATH, else one of pyenv's. Raises `CommandError`."""
    candidates = [shutil.which(RUNTIME) or ""]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates += sorted((str(path) for path in pyenv.glob(f"versions/3.13.*/bin/{RUNTIME}")), reverse=True)
    for candidate in filter(None, candidates):
        # A version manager's shim is on PATH even if its version is not selected.
        check = [candidate, "-c", "import venv, ssl"]
        if subprocess.run(check, capture_output=True, check=False).returncode == 0:
            return Path(candidate)
    raise CommandError(
        "Building needs Python 3.13, the functions' version, and there is none. Install it so that python3.13 is on "
        "PATH (for example with your package manager, pyenv or uv)."
    )


def measure_functions(template: Path) -> dict[str, int]:
    """Return the bytes of each built function with its layers. Raises `CommandError` over the limit."""
    sizes = {}
    for name, resource in load_template(template)["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        # A layer that exists for one architecture only is counted too.
        layers = [
            layer["Ref"] if "Ref" in layer else layer["Fn::If"][1]["Ref"] for layer in resource["Properties"]["Layers"]
        ]
        folders = [template.parent / part for part in (name, *layers)]
        sizes[name] = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
        if sizes[name] > MAX_UNZIPPED_BYTES:
            raise CommandError(
                f"{name} with its layers has {sizes[name]:,} bytes; the limit is {MAX_UNZIPPED_BYTES:,}."
            )
    return sizes


def create_lambda_venv() -> Path:
    """Return the interpreter of a virtual environment like Lambda's: Python 3.13, boto3, and the emulator."""
    python = ROOT / LAMBDA_VENV / "bin" / "python"
    for step in (
        ("venv", "--quiet", "--allow-existing", "--python", str(find_python()), str(ROOT / LAMBDA_VENV)),
        ("pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(ROOT / LAMBDA_REQUIREMENTS)),
    ):
        if subprocess.run([str(ROOT / UV), *step], check=False).returncode:
            raise CommandError(f"{LAMBDA_VENV} could not be created. The output of uv is above.")
    return python
