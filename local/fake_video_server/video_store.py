"""The life of jobs: accepted, rendered one at a time, kept, and found again after a restart.

A job stores what happened to it and when; its status and progress are worked out from that and the clock,
so no thread has to wait for time to pass. On disk, under one directory:

    jobs/<id>.json        the Job
    references/<id>       the picture as it was sent
    videos/<id>.mp4       there once it is whole
"""

from __future__ import annotations

import json
import logging
import secrets
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from .config import pixels
from .errors import ApiError, video_not_found
from .render import RenderStopped, first_picture, render
from .validation import CreateRequest

FAILING_WORD = "fail-render"
"""A job whose prompt has this ends as `failed`."""

_log = logging.getLogger(__name__)


@dataclass
class Job:
    """One accepted order. Times are Unix seconds, None until they come; rendered is 0..1."""

    id: str
    number: int
    model: str
    size: str
    seconds: str
    prompt: str
    has_reference: bool
    accepted_at: float
    rendered: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    error: dict[str, str] | None = None


@dataclass(frozen=True)
class Timing:
    """The clock, and the two spans (in seconds) that jobs are measured by; see FakeVideoServerConfig."""

    clock: Callable[[], float]
    render_seconds: float
    keep_seconds: float


class VideoStore:
    """Every job, and the one thread that renders them. Safe to use from any thread."""

    def __init__(self, directory: Path | None, timing: Timing) -> None:
        """Load what `directory` holds; without one, use a temporary directory until `close()`."""
        self._temporary = tempfile.TemporaryDirectory(prefix="fake video server-") if directory is None else None
        root = Path(self._temporary.name) if self._temporary else directory
        assert root is not None
        self._jobs_dir, self._references, self._videos = root / "jobs", root / "references", root / "videos"
        for folder in (self._jobs_dir, self._references, self._videos):
            folder.mkdir(parents=True, exist_ok=True)
        self._timing = timing
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._renderer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fake video server-render")
        self._jobs = self._load()

    def resume(self) -> None:
        """Render, from the start, what a fake video server before this one left unfinished."""
        with self._lock:
            unfinished = [job for job in self._jobs.values() if job.finished_at is None]
        for job in unfinished:
            self._renderer.submit(self._work, job)

    def close(self) -> None:
        """Stop rendering at the next frame; unfinished jobs stay queued on disk."""
        self._stopping.set()
        self._renderer.shutdown(wait=True, cancel_futures=True)
        if self._temporary is not None:
            self._temporary.cleanup()

    def accept(self, order: CreateRequest) -> dict[str, object]:
        """Make a job and queue it; returns its Video object, always `queued`."""
        with self._lock:
            number = max((job.number for job in self._jobs.values()), default=0) + 1
            job = Job(
                id=f"video_{secrets.token_hex(16)}",
                number=number,
                model=order.model,
                size=order.size,
                seconds=order.seconds,
                prompt=order.prompt,
                has_reference=order.reference is not None,
                accepted_at=self._timing.clock(),
            )
            if order.reference is not None:
                _write(self._references / job.id, order.reference)
            self._save(job)
            self._jobs[job.id] = job
            video = self._video(job)
        self._renderer.submit(self._work, job)
        return video

    def video(self, video_id: str) -> dict[str, object]:
        """The Video object, as OpenAI's SDK types it; ApiError 404 for an id never given out."""
        with self._lock:
            return self._video(self._job(video_id))

    def page(self, after: str | None, limit: int, newest_first: bool) -> tuple[list[dict[str, object]], bool]:
        """Up to `limit` Video objects following `after`, and whether there are more."""
        with self._lock:
            jobs = sorted(self._jobs.values(), key=lambda job: job.number, reverse=newest_first)
            start = jobs.index(self._job(after)) + 1 if after is not None else 0
            chosen = jobs[start : start + limit]
            return [self._video(job) for job in chosen], start + limit < len(jobs)

    def content(self, video_id: str) -> Path:
        """The MP4 of a completed video; ApiError while there is none, or when it has expired."""
        with self._lock:
            job = self._job(video_id)
            status = self._status(job)
            if status != "completed":
                message = f"Video is not ready yet, its status is '{status}'. Use GET /v1/videos/{job.id}."
                raise ApiError(message, status=404, code="video_not_ready")
            if self._timing.clock() >= self._completed_at(job) + self._timing.keep_seconds:
                raise ApiError("Video has expired.", status=404, code="video_expired")
            return self._videos / f"{job.id}.mp4"

    def delete(self, video_id: str) -> None:
        """Forget a job and its files; ApiError while it runs."""
        with self._lock:
            job = self._job(video_id)
            status = self._status(job)
            if status in ("queued", "in_progress"):
                raise ApiError(f"A video that is '{status}' cannot be deleted. Wait until it has ended.")
            del self._jobs[job.id]
            self._forget(job)

    def _job(self, video_id: str) -> Job:
        if video_id not in self._jobs:
            raise video_not_found(video_id)
        return self._jobs[video_id]

    def _status(self, job: Job) -> str:
        if job.started_at is None:
            return "queued"
        if job.finished_at is None or self._timing.clock() < self._due(job):
            return "in_progress"
        return "failed" if job.error else "completed"

    def _due(self, job: Job) -> float:
        return job.accepted_at + self._timing.render_seconds

    def _completed_at(self, job: Job) -> float:
        return max(job.finished_at or 0.0, self._due(job))

    def _progress(self, job: Job, status: str) -> int:
        """Percent: the lesser of what is rendered and what of the least time is over."""
        if status == "completed":
            return 100
        if status == "queued":
            return 0
        elapsed = self._timing.clock() - job.accepted_at
        share = elapsed / self._timing.render_seconds if self._timing.render_seconds else 1.0
        # 100 belongs to completed alone.
        return max(0, min(99, int(100 * min(job.rendered, share))))

    def _video(self, job: Job) -> dict[str, object]:
        status = self._status(job)
        completed = status == "completed"
        done_at = self._completed_at(job)
        return {
            "id": job.id,
            "object": "video",
            "model": job.model,
            "status": status,
            "progress": self._progress(job, status),
            "created_at": int(job.accepted_at),
            "completed_at": int(done_at) if completed else None,
            "expires_at": int(done_at + self._timing.keep_seconds) if completed else None,
            "size": job.size,
            "seconds": job.seconds,
            "prompt": job.prompt,
            "error": job.error if status == "failed" else None,
            "remixed_from_video_id": None,
        }

    def _work(self, job: Job) -> None:
        """Render one job, on the renderer's thread."""
        with self._lock:
            job.started_at = self._timing.clock()
        try:
            error = self._render(job)
        except RenderStopped:
            return
        except Exception:  # noqa: BLE001 - whatever breaks a render, its job must end
            _log.exception("rendering %s failed", job.id)
            error = {"code": "internal_error", "message": "The video could not be rendered."}
        with self._lock:
            job.error = error
            job.finished_at = self._timing.clock()
            self._save(job)

    def _render(self, job: Job) -> dict[str, str] | None:
        if FAILING_WORD in job.prompt:
            job.rendered = 0.5
            return {"code": "video_generation_failed", "message": "The video generation failed."}
        reference = (self._references / job.id).read_bytes() if job.has_reference else None
        picture = first_picture(reference, job.prompt, pixels(job.size))
        partial = self._videos / f"{job.id}.part"

        def on_progress(share: float) -> None:
            job.rendered = share

        render(picture, int(job.seconds), partial, on_progress, self._stopping.is_set)
        partial.replace(self._videos / f"{job.id}.mp4")
        return None

    def _load(self) -> dict[str, Job]:
        jobs = [Job(**json.loads(path.read_bytes())) for path in self._jobs_dir.glob("*.json")]
        return {job.id: job for job in sorted(jobs, key=lambda job: job.number)}

    def _save(self, job: Job) -> None:
        # Only the two ends of a job are stored, so an unfinished one always comes back as queued.
        _write(self._jobs_dir / f"{job.id}.json", json.dumps(asdict(job)).encode())

    def _forget(self, job: Job) -> None:
        for path in (
            self._jobs_dir / f"{job.id}.json",
            self._references / job.id,
            self._videos / f"{job.id}.mp4",
        ):
            path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a restart, finds all of it or none."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    partial.replace(path)
