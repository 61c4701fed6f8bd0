"""Measures the cold start of the function `api` against its baseline: boto3, two clients and a router.

Each start is a new process, so nothing is imported yet. The two alternate, so that a slow moment of the machine affects
both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 15
MAX_RATIO = 1.3
BASELINE = """
import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
APIGatewayRestResolver()
boto3.client("s3")
boto3.client("dynamodb")
"""
OURS = """
import app
app.get_context()
"""
# Values for the template's variables; nothing is called.
_SETTINGS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "POWERTOOLS_SERVICE_NAME": "sora-ready",
    "STACK_NAME": "sora-ready",
    **dict.fromkeys(("JOBS_TABLE", "LEDGER_TABLE", "UPLOAD_BUCKET", "OUTPUT_BUCKET"), "some-name"),
    **dict.fromkeys(("SUBMIT_QUEUE_URL", "TRACK_QUEUE_URL"), "https://sqs.us-east-1.amazonaws.com/0/some-name"),
    "DEFAULT_MODEL": "sora-2",
    "DEFAULT_SIZE": "auto",
    "DEFAULT_SECONDS": "4",
    "DEFAULT_MODE": "cover",
    "DEFAULT_FOCUS": "center",
    "DEFAULT_BACKGROUND": "black",
    "DEFAULT_FORMAT": "jpeg",
    "DEFAULT_QUALITY": "95",
    "DEFAULT_PROMPT": "Bring this picture to life.",
}


def measure_cold_start(rounds: int = ROUNDS) -> tuple[list[float], list[float]]:
    """Return the seconds of each start: the function's and the baseline's."""
    ours, baseline = [], []
    for script in (OURS, BASELINE):
        _start(script)
    for _ in range(rounds):
        ours.append(_start(OURS))
        baseline.append(_start(BASELINE))
    return ours, baseline


def describe(ours: list[float], baseline: list[float]) -> str:
    """Return the result and its target in one line."""
    ratio = median(mine / theirs for mine, theirs in zip(ours, baseline, strict=True))
    met = "✓" if ratio <= MAX_RATIO else "✗"
    return (
        f"{met} cold start of api: {median(ours) * 1000:.0f} ms, {ratio:.2f} times that of boto3, two clients and the "
        f"router ({median(baseline) * 1000:.0f} ms); at most {MAX_RATIO}"
    )


def _start(script: str) -> float:
    path = os.pathsep.join(map(str, (ROOT / "functions/api", ROOT / "layers/sora_ready")))
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], env={**_SETTINGS, "PYTHONPATH": path}, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(describe(*measure_cold_start()))
