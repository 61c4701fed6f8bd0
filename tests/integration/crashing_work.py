"""Photos that kill the process which reads them. A module of its own, which each of those processes imports."""

from __future__ import annotations

import os
import signal

from local.normalize import PhotoResult, PhotoTask, normalize_photo


def crash_on_bad_photos(task: PhotoTask) -> PhotoResult:
    """Normalize a photo; one called "bad" kills the process, as the system would."""
    if task.photo.path.stem == "bad":
        os.kill(os.getpid(), signal.SIGKILL)
    return normalize_photo(task)


def crash_at_first_attempt(task: PhotoTask) -> PhotoResult:
    """Normalize a photo, but kill the process at the first attempt at each."""
    mark = task.photo.path.with_suffix(".mark")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return normalize_photo(task)
