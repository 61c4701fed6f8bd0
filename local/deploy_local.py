"""`make deploy-local`: what `sam build` built is deployed by `sam deploy` to the emulator, and a picture goes through it.

The emulator runs functions with its own interpreter, so it is started here with a Python 3.13 that has neither Pillow
nor openai: what the functions import can only come from the layers that were built.
"""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from local.build import BuildError, build_stack, find_python, run_sam
from local.deploy import ROOT, read_stack
from local.display import Display
from local.emulator import start_emulator
from local.run import report_job, save_files, watch_job
from local.sample import make_sample
from local.stack import LocalStack, start_fake_server
from local.videos_api import list_models, set_gateway_responses

STACK = "rehearsal"
BUILT = Path(".aws-sam/rehearsal")
RUNTIME_VENV = Path(".venv-lambda")
RUNTIME_PACKAGES = Path("requirements/lambda.txt")
UV = Path(".venv/bin/uv")
# Lambda itself allows 250 MB; what is unpacked at a cold start is waited for.
MAX_UNZIPPED_BYTES = 120_000_000


def deploy_local(folder: Path, display: Display) -> bool:
    """Build, deploy and send the sample through; return whether it completed. Raises `BuildError` and `RunError`."""
    architecture = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    template = build_stack(BUILT, architecture=architecture)
    display.say_done(f"built for {architecture}")
    for name, size in measure_functions(template).items():
        display.say_plain(f"  {name} with its layers: {size / 1e6:.0f} MB unzipped")
    python = make_runtime()
    display.say_done(f"a Python like Lambda's is ready in {RUNTIME_VENV}")
    with (
        start_fake_server(folder / "fake-video-server") as server,
        start_emulator(folder / "emulator.log", python=str(python)) as emulator,
    ):
        run_sam(
            *("deploy", "--template-file", str(template), "--stack-name", STACK, "--no-progressbar"),
            # SAM looks for it beside the built template otherwise.
            *("--config-file", str(ROOT / "samconfig.toml")),
            *("--parameter-overrides", f"Architecture={architecture}"),
            *(f"{name}={value}" for name, value in server.parameters().items() if value),
            environment=emulator.environment(),
        )
        stack = read_stack(emulator, STACK)
        set_gateway_responses(emulator, stack)
        local = LocalStack(emulator, stack, server, folder / "emulator.log")
        display.say_done("deployed by sam deploy")
        models = list_models(local.videos_api, emulator.ca_bundle)
        display.say_done(f"the API answers: {', '.join(models)}")
        key = local.drop_picture(make_sample(folder / "sample.jpg"), {})
        job = watch_job(local, key, folder, display)
        save_files(local, job, folder)
    return report_job(job, folder, display)


def measure_functions(template: Path) -> dict[str, int]:
    """Return the bytes of each built function with its layers. Raises `BuildError` over the limit."""
    resources = yaml_parse(template.read_text(encoding="utf-8"))["Resources"]
    sizes = {}
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        # One that is there on one processor only is counted as well.
        layers = [
            layer["Ref"] if "Ref" in layer else layer["Fn::If"][1]["Ref"] for layer in resource["Properties"]["Layers"]
        ]
        folders = [template.parent / part for part in (name, *layers)]
        sizes[name] = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
        if sizes[name] > MAX_UNZIPPED_BYTES:
            raise BuildError(f"{name} with its layers has {sizes[name]:,} bytes; the limit is {MAX_UNZIPPED_BYTES:,}.")
    return sizes


def make_runtime() -> Path:
    """Return the interpreter of a virtual environment like Lambda's: Python 3.13, boto3, and the emulator."""
    python = ROOT / RUNTIME_VENV / "bin" / "python"
    uv = str(ROOT / UV)
    for step in (
        ("venv", "--quiet", "--allow-existing", "--python", str(find_python()), str(ROOT / RUNTIME_VENV)),
        ("pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(ROOT / RUNTIME_PACKAGES)),
    ):
        if subprocess.run([uv, *step], check=False).returncode:
            raise BuildError(f"{RUNTIME_VENV} could not be set up; what uv said stands above.")
    return python
