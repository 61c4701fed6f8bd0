"""`make run`: one picture through the whole stack, and what came of it on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.display import Display
from local.sample import make_sample
from local.stack import LocalStack, start_stack

FINAL = {"completed", "failed", "rejected", "canceled", "unconfirmed"}
WATCH_SECONDS = 0.25
# A stand-in renders in seconds; a real server may take its time.
GIVE_UP_SECONDS = 3600
ARRIVAL_SECONDS = 120


class RunError(RuntimeError):
    """The run could not be finished. The message says what to do."""


def run_picture(image: Path | None, wishes: Mapping[str, str], out: Path, folder: Path, display: Display) -> bool:
    """Send `image` (the sample, where None) through a stack of its own; return whether its video is in `out`.

    Writes `out/job.json` always, `out/ready.<format>` and `out/video.mp4` where the job got so far. Raises `RunError`.
    """
    if image is not None and not image.is_file():
        raise RunError(f"There is no file {image}. Set IMAGE to a picture.")
    out.mkdir(parents=True, exist_ok=True)
    for stale in [*out.glob("ready.*"), out / "job.json", out / "video.mp4"]:
        stale.unlink(missing_ok=True)
    picture = image or make_sample(out / "sample.jpg")
    with start_stack(folder, say=display.say_done) as local:
        key = local.drop_picture(picture, wishes)
        display.say_done(f"{picture.name} dropped into the upload bucket")
        job = watch_job(local, key, display)
        save_job(local, job, out)
        if local.server.stand_in:
            sent = len(local.server.stand_in.ledger.creates())
            display.say_plain(f"  requests for a video that reached the server: {sent}")
    return report_job(job, out, display)


def watch_job(local: LocalStack, key: str, display: Display) -> dict[str, Any]:
    """Follow the newest job of `key` until it ends, and return its record. Raises `RunError`."""
    began = time.monotonic()
    with display:
        while time.monotonic() - began < GIVE_UP_SECONDS:
            jobs = local.find_jobs(key)
            if jobs:
                display.show_job(jobs[-1])
                if jobs[-1]["status"] in FINAL:
                    return jobs[-1]
            elif time.monotonic() - began > ARRIVAL_SECONDS:
                break
            if local.count_dead_letters():
                break
            time.sleep(WATCH_SECONDS)
    raise RunError("The picture did not get through the stack. What the functions said is in .local/*/emulator.log.")


def save_job(local: LocalStack, job: Mapping[str, Any], out: Path) -> None:
    """Write the record, and the copy and the video as far as there are any, into `out`."""
    (out / "job.json").write_text(json.dumps(job, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if "copy" in job:
        local.download(job["copy"], out / ("ready" + Path(job["copy"]["key"]).suffix))
    if "video" in job:
        local.download(job["video"], out / "video.mp4")


def report_job(job: Mapping[str, Any], out: Path, display: Display) -> bool:
    """Say what came of the job; return whether it completed."""
    if job["status"] == "completed":
        request, copy = job["request"], job["copy"]
        suffix = Path(copy["key"]).suffix
        display.say_plain(f"  {out}/ready{suffix}   {copy['width']}x{copy['height']}, mode {request['mode']}")
        display.say_plain(f"  {out}/video.mp4   {request['seconds']} s, {job['video']['bytes']:,} bytes")
        display.say_plain(f"  {out}/job.json    {job['job_id']}")
        return True
    error = job.get("error", {})
    hint = f" {error['hint']}" if error.get("hint") else ""
    display.say_failed(f"{job['status']} ({error.get('code')}): {error.get('message')}{hint}")
    display.say_plain(f"  {out}/job.json")
    return False
