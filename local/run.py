"""`make run`: one picture through the whole stack, and what came of it on disk."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from local.deploy import list_no_pictures
from local.display import Display
from local.sample import make_sample
from local.stack import LocalStack, real_server_from_environment, start_stack
from sora_ready.domain.job import FINAL, Status

# A job in doubt waits for a person, so watching it is over too.
ENDED = {*FINAL, Status.UNCONFIRMED}
WATCH_SECONDS = 0.25
# A fake video server renders in seconds; a real server may take its time.
GIVE_UP_SECONDS = 3600
ARRIVAL_SECONDS = 120
STALL_SECONDS = 45
RESULTS = ("ready.jpg", "ready.png", "ready.webp", "video.mp4", "job.json")


class RunError(RuntimeError):
    """The run could not be finished. The message says what to do."""


def run_picture(image: Path | None, options: Mapping[str, str], out: Path, folder: Path, display: Display) -> bool:
    """Send `image` (the sample, where None) through a stack of its own; return whether its video is in `out`.

    `out/job.json` is kept as the record changes, so it is there however the run ends; `out/ready.<format>` and
    `out/video.mp4` follow where the job got so far. The stack's logs lie in a folder of this run below `folder`, which
    stays if the run fails. Raises `RunError`.
    """
    folder = folder / str(os.getpid())
    # Kept aside first: the picture may be what an earlier run left in `out`.
    picture = _take_picture(image, folder)
    _set_aside_results(out)
    with start_stack(folder, say=display.say_done, real_server=real_server_from_environment()) as local:
        key = local.drop_picture(picture, options)
        display.say_done(f"{picture.name} dropped into the upload bucket")
        job = watch_job(local, key, out, display)
        save_files(local, job, out)
        if local.server.fake_server:
            sent = len(local.server.fake_server.request_log.creates())
            display.say_plain(f"  requests for a video that reached the server: {sent}")
    completed = report_job(job, out, display)
    if completed:
        shutil.rmtree(folder, ignore_errors=True)
    return completed


def watch_job(local: LocalStack, key: str, out: Path, display: Display) -> dict[str, Any]:
    """Follow the newest job of `key` until it ends, its record in `out/job.json`; return it. Raises `RunError`."""
    began = moved = time.monotonic()
    job: dict[str, Any] = {}
    with display:
        while time.monotonic() - began < GIVE_UP_SECONDS:
            jobs = local.find_jobs(key)
            if jobs and jobs[-1] != job:
                job, moved = jobs[-1], time.monotonic()
                _save_record(job, out)
                display.show_job(job)
                if job["status"] in ENDED:
                    return job
            if not jobs and time.monotonic() - began > ARRIVAL_SECONDS:
                break
            if local.count_dead_letters():
                break
            if time.monotonic() - moved > STALL_SECONDS:
                display.say_plain(f"  nothing new for {STALL_SECONDS} s; what the functions say is in {local.log}")
                moved = time.monotonic()
            time.sleep(WATCH_SECONDS)
    raise RunError(f"The picture did not get through the stack. What the functions said is in {local.log}.")


def save_files(local: LocalStack, job: Mapping[str, Any], out: Path) -> None:
    """Write the copy and the video, as far as there are any, into `out`."""
    if "copy" in job:
        local.download(job["copy"], out / _ready_name(job))
    if "video" in job:
        local.download(job["video"], out / "video.mp4")


def report_job(job: Mapping[str, Any], out: Path, display: Display) -> bool:
    """Say what came of the job; return whether it completed."""
    if job["status"] == "completed":
        request, copy = job["request"], job["copy"]
        display.say_plain(f"  {out / _ready_name(job)}   {copy['width']}x{copy['height']}, mode {copy['mode']}")
        display.say_plain(f"  {out / 'video.mp4'}   {request['seconds']} s, {job['video']['bytes']:,} bytes")
        display.say_plain(f"  {out / 'job.json'}    {job['job_id']}")
        return True
    error = job.get("error", {})
    hint = f" {error['hint']}" if error.get("hint") else ""
    display.say_failed(f"{job['status']} ({error.get('code')}): {error.get('message')}{hint}")
    display.say_plain(f"  {out / 'job.json'}")
    return False


def _take_picture(image: Path | None, folder: Path) -> Path:
    if image is None:
        return make_sample(folder / "sample.jpg")
    if not image.is_file():
        what = "is a folder" if image.is_dir() else "is not there"
        raise RunError(f"IMAGE={image} {what}. Set IMAGE to a picture.")
    if image.name.endswith(list_no_pictures()):
        # It would be waited for in vain: the upload of such a name wakes nothing.
        raise RunError(f"IMAGE={image} is no picture, by its name ({image.suffix}). Set IMAGE to a picture.")
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(image, folder / image.name))


def _set_aside_results(out: Path) -> None:
    """Move what an earlier run left in `out` into a folder of its own there: its video may have been paid for."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        left = [out / name for name in RESULTS if (out / name).exists()]
        if not left:
            return
        made = max(path.stat().st_mtime for path in left)
        aside = out / "earlier" / datetime.fromtimestamp(made).strftime("%Y-%m-%d %H.%M.%S")
        aside.mkdir(parents=True, exist_ok=True)
        for path in left:
            path.replace(aside / path.name)
    except OSError as error:
        raise RunError(f"OUT={out} must be a folder that can be written: {error.strerror}.") from error


def _save_record(job: Mapping[str, Any], out: Path) -> None:
    (out / "job.json").write_text(json.dumps(job, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _ready_name(job: Mapping[str, Any]) -> str:
    return "ready" + Path(job["copy"]["key"]).suffix
