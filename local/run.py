"""`make run`: sends one picture through a stack of its own and writes the results to a folder."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from local import CommandError
from local.deploy import ignored_suffixes
from local.display import Display, JobProgress
from local.sample import make_sample
from local.stack import JobRecord, LocalStack, start_stack, start_video_server
from sora_ready.domain.job import FINAL, Job, ReadyCopy, Status

# An unconfirmed job may wait for an operator, so watching it ends too.
END_STATUSES = {*FINAL, Status.UNCONFIRMED}
POLL_SECONDS = 0.25
# A fake video server renders in seconds, a real one may take much longer.
JOB_TIMEOUT_SECONDS = 3600
EVENT_TIMEOUT_SECONDS = 120
STALL_SECONDS = 45
RESULT_FILES = ("ready.jpg", "ready.png", "ready.webp", "video.mp4", "job.json")


def run_picture(image: Path | None, options: Mapping[str, str], out: Path, folder: Path, display: Display) -> bool:
    """Send `image` (None: the sample) through a stack of its own; return whether its video is in `out`.

    `out/job.json` is updated whenever the record changes, so it exists however the run ends. `out/ready.<format>` and
    `out/video.mp4` are written if the job has got that far. The logs are in a subfolder of `folder`, which is kept if
    the run fails. Raises `CommandError`.
    """
    folder = folder / str(os.getpid())
    # Copied first: the picture may be a result of the previous run in `out`.
    picture = _copy_picture(image, folder)
    _archive_results(out)
    with (
        start_video_server(folder / "fake-video-server") as server,
        start_stack(folder, server, on_step=display.print_step) as local,
    ):
        key = local.upload_picture(picture, options)
        display.print_step(f"{picture.name} dropped into the upload bucket")
        job = watch_job(local, key, out, display)
        save_outputs(local, job, out)
        if server.fake_server:
            sent = len(server.fake_server.request_log.creates())
            display.print_line(f"  requests for a video that reached the server: {sent}")
    completed = print_result(job, out, display)
    if completed:
        shutil.rmtree(folder, ignore_errors=True)
    return completed


def watch_job(local: LocalStack, key: str, out: Path, display: Display) -> Job:
    """Show the newest job of `key` until it ends, its record in `out/job.json`; return it. Raises `CommandError`."""
    started = changed = time.monotonic()
    record: JobRecord = {}
    with JobProgress(display) as progress:
        while time.monotonic() - started < JOB_TIMEOUT_SECONDS:
            records = local.find_jobs(key)
            if records and records[-1] != record:
                record, changed = records[-1], time.monotonic()
                (out / "job.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
                job = Job.from_record(record)
                progress.show(job.status, job.server.progress if job.server else None, job.error)
                if job.status in END_STATUSES:
                    return job
            if not records and time.monotonic() - started > EVENT_TIMEOUT_SECONDS:
                break
            if local.count_dead_letters():
                break
            if time.monotonic() - changed > STALL_SECONDS:
                display.print_line(f"  no change for {STALL_SECONDS} s; the functions' log is {local.log}")
                changed = time.monotonic()
            time.sleep(POLL_SECONDS)
    raise CommandError(f"The picture did not get through the stack. The functions' log is {local.log}.")


def save_outputs(local: LocalStack, job: Job, out: Path) -> None:
    """Download the ready copy and the video, if there are any, to `out`."""
    if job.copy:
        local.download_output(job.copy.key, out / _ready_name(job.copy))
    if job.video:
        local.download_output(job.video.key, out / "video.mp4")


def print_result(job: Job, out: Path, display: Display) -> bool:
    """Print the job's files or its error; return whether it completed."""
    if job.status is Status.COMPLETED and job.request and job.copy and job.video:
        copy = job.copy
        display.print_line(f"  {out / _ready_name(copy)}   {copy.width}x{copy.height}, mode {copy.mode}")
        display.print_line(f"  {out / 'video.mp4'}   {job.request.seconds} s, {job.video.bytes:,} bytes")
        display.print_line(f"  {out / 'job.json'}    {job.id}")
        return True
    error = job.error
    text = f" ({error.code}): {' '.join(filter(None, [error.message, error.hint]))}" if error else ""
    display.print_error(f"{job.status}{text}")
    display.print_line(f"  {out / 'job.json'}")
    return False


def _copy_picture(image: Path | None, folder: Path) -> Path:
    if image is None:
        return make_sample(folder / "sample.jpg")
    if not image.is_file():
        what = "is a folder" if image.is_dir() else "does not exist"
        raise CommandError(f"IMAGE={image} {what}. Set IMAGE to a picture.")
    if image.name.endswith(ignored_suffixes()):
        raise CommandError(f"IMAGE={image} is not a picture: the stack ignores {image.suffix}. Set IMAGE to a picture.")
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(image, folder / image.name))


def _archive_results(out: Path) -> None:
    """Move the results of the previous run in `out` to a subfolder: its video may have been paid for."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        previous = [out / name for name in RESULT_FILES if (out / name).exists()]
        if not previous:
            return
        written_at = datetime.fromtimestamp(max(path.stat().st_mtime for path in previous))
        archive = out / "earlier" / written_at.strftime("%Y-%m-%d %H.%M.%S")
        archive.mkdir(parents=True, exist_ok=True)
        for path in previous:
            path.replace(archive / path.name)
    except OSError as error:
        raise CommandError(f"OUT={out} must be a folder that can be written: {error.strerror}.") from error


def _ready_name(copy: ReadyCopy) -> str:
    return "ready" + Path(copy.key).suffix
