"""The jobs of the fake video server: accepted, rendered one at a time, stored, and loaded again after a restart.

A job stores what happened to it and when. Its status and progress follow from that and the clock, so no thread waits
for time to pass. On disk, under one folder:

    jobs/<id>.json        the `VideoJob`
    references/<id>       the image as it was sent
    videos/<id>.mp4       written once it is whole
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .config import FakeVideoServerConfig, parse_size
from .create_request import CreateRequest
from .errors import ApiError
from .render import RenderStopped, first_picture, render

FAILING_WORD = "fail-render"
"""A job whose prompt has this word ends as `failed`."""

_log = logging.getLogger(__name__)


@dataclass
class VideoJob:
    """One accepted create request. Times are Unix seconds, None until they are known; `rendered` is 0..1."""

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


class VideoStore:
    """All jobs, and the one thread that renders them. Safe to use from any thread."""

    def __init__(self, config: FakeVideoServerConfig) -> None:
        """Load the jobs in the folder `config.data`; without one, use a temporary folder until `close()`."""
        self._cleanup = ExitStack()
        folder = config.data or Path(self._cleanup.enter_context(TemporaryDirectory(prefix="fake-video-server-")))
        self._records, self._references, self._videos = folder / "jobs", folder / "references", folder / "videos"
        for subfolder in (self._records, self._references, self._videos):
            subfolder.mkdir(parents=True, exist_ok=True)
        self._config = config
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._renderer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fake-video-server-render")
        self._jobs = self._load()

    def resume(self) -> None:
        """Start rendering the jobs that were unfinished when the server stopped."""
        with self._lock:
            unfinished = [job for job in self._jobs.values() if job.finished_at is None]
        for job in unfinished:
            self._renderer.submit(self._run, job)

    def close(self) -> None:
        """Stop rendering at the next frame; unfinished jobs stay queued on disk."""
        self._stopping.set()
        self._renderer.shutdown(wait=True, cancel_futures=True)
        self._cleanup.close()

    def accept(self, request: CreateRequest) -> dict[str, object]:
        """Create a job and queue it; return its Video object, always `queued`."""
        with self._lock:
            number = max((job.number for job in self._jobs.values()), default=0) + 1
            job = VideoJob(
                id=f"video_{secrets.token_hex(16)}",
                number=number,
                model=request.model,
                size=request.size,
                seconds=request.seconds,
                prompt=request.prompt,
                has_reference=request.reference is not None,
                accepted_at=self._config.clock(),
            )
            if request.reference is not None:
                _write(self._reference_path(job), request.reference)
            self._save(job)
            self._jobs[job.id] = job
            video = self._video(job)
        self._renderer.submit(self._run, job)
        return video

    def video(self, video_id: str) -> dict[str, object]:
        """Return the Video object, as OpenAI's SDK types it. Raises `ApiError` 404 for an unknown id."""
        with self._lock:
            return self._video(self._job(video_id))

    def page(self, after: str | None, limit: int, newest_first: bool) -> tuple[list[dict[str, object]], bool]:
        """Return up to `limit` Video objects following `after`, and whether there are more."""
        with self._lock:
            jobs = sorted(self._jobs.values(), key=lambda job: job.number, reverse=newest_first)
            start = jobs.index(self._job(after)) + 1 if after is not None else 0
            chosen = jobs[start : start + limit]
            return [self._video(job) for job in chosen], start + limit < len(jobs)

    def content(self, video_id: str) -> Path:
        """Return the path of a completed video. Raises `ApiError` before completion and after expiry."""
        with self._lock:
            job = self._job(video_id)
            status = self._status(job)
            if status != "completed":
                message = f"Video is not ready yet, its status is '{status}'. Use GET /v1/videos/{job.id}."
                raise ApiError(message, status=404, code="video_not_ready")
            if self._config.clock() >= self._completed_at(job) + self._config.keep_seconds:
                raise ApiError("Video has expired.", status=404, code="video_expired")
            return self._video_path(job)

    def delete(self, video_id: str) -> None:
        """Remove a job and its files. Raises `ApiError` while the job runs."""
        with self._lock:
            job = self._job(video_id)
            status = self._status(job)
            if status in ("queued", "in_progress"):
                raise ApiError(f"A video that is '{status}' cannot be deleted. Wait until it has ended.")
            del self._jobs[job.id]
            for path in (self._record_path(job), self._reference_path(job), self._video_path(job)):
                path.unlink(missing_ok=True)

    def _record_path(self, job: VideoJob) -> Path:
        return self._records / f"{job.id}.json"

    def _reference_path(self, job: VideoJob) -> Path:
        return self._references / job.id

    def _video_path(self, job: VideoJob) -> Path:
        return self._videos / f"{job.id}.mp4"

    def _job(self, video_id: str) -> VideoJob:
        if video_id not in self._jobs:
            raise ApiError(f"Video with id '{video_id}' not found.", status=404, param="id")
        return self._jobs[video_id]

    def _status(self, job: VideoJob) -> str:
        if job.started_at is None:
            return "queued"
        if job.finished_at is None or self._config.clock() < self._earliest_end(job):
            return "in_progress"
        return "failed" if job.error else "completed"

    def _earliest_end(self, job: VideoJob) -> float:
        return job.accepted_at + self._config.render_seconds

    def _completed_at(self, job: VideoJob) -> float:
        return max(job.finished_at or 0.0, self._earliest_end(job))

    def _progress(self, job: VideoJob, status: str) -> int:
        """Return percent: the rendered share or the elapsed share of the shortest time, whichever is less."""
        if status == "completed":
            return 100
        if status == "queued":
            return 0
        elapsed = self._config.clock() - job.accepted_at
        share = elapsed / self._config.render_seconds if self._config.render_seconds else 1.0
        # Only a completed job is at 100.
        return max(0, min(99, int(100 * min(job.rendered, share))))

    def _video(self, job: VideoJob) -> dict[str, object]:
        status = self._status(job)
        completed_at = self._completed_at(job) if status == "completed" else None
        return {
            "id": job.id,
            "object": "video",
            "model": job.model,
            "status": status,
            "progress": self._progress(job, status),
            "created_at": int(job.accepted_at),
            "completed_at": None if completed_at is None else int(completed_at),
            "expires_at": None if completed_at is None else int(completed_at + self._config.keep_seconds),
            "size": job.size,
            "seconds": job.seconds,
            "prompt": job.prompt,
            "error": job.error if status == "failed" else None,
            "remixed_from_video_id": None,
        }

    def _run(self, job: VideoJob) -> None:
        """Render one job to its end, on the renderer's thread."""
        with self._lock:
            job.started_at = self._config.clock()
        try:
            error = self._render(job)
        except RenderStopped:
            return
        except Exception:  # noqa: BLE001 - a job must end, whatever breaks its render
            _log.exception("rendering %s failed", job.id)
            error = {"code": "internal_error", "message": "The video could not be rendered."}
        with self._lock:
            job.error = error
            job.finished_at = self._config.clock()
            self._save(job)

    def _render(self, job: VideoJob) -> dict[str, str] | None:
        if FAILING_WORD in job.prompt:
            job.rendered = 0.5
            return {"code": "video_generation_failed", "message": "The video generation failed."}
        reference = self._reference_path(job).read_bytes() if job.has_reference else None
        picture = first_picture(reference, job.prompt, parse_size(job.size))
        partial = self._videos / f"{job.id}.part"

        def on_progress(share: float) -> None:
            job.rendered = share

        render(picture, int(job.seconds), partial, on_progress, self._stopping.is_set)
        partial.replace(self._video_path(job))
        return None

    def _load(self) -> dict[str, VideoJob]:
        jobs = [VideoJob(**json.loads(path.read_bytes())) for path in self._records.glob("*.json")]
        return {job.id: job for job in sorted(jobs, key=lambda job: job.number)}

    def _save(self, job: VideoJob) -> None:
        # Stored when it is accepted and when it ends, so an unfinished job is always loaded as queued.
        _write(self._record_path(job), json.dumps(asdict(job)).encode())


def _write(path: Path, data: bytes) -> None:
    """Write a file atomically: a reader, or a restart, finds all of it or none."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    partial.replace(path)
