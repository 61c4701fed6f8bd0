"""What a photo can do to the process that looks at it. A module of its own: each of those processes loads it."""

from __future__ import annotations

import os
import signal

from local.normalize import PhotoResult, PhotoTask, normalize_photo


def die_of_bad_ones(task: PhotoTask) -> PhotoResult:
    """Do the work, but be killed, as by the system, by a photo called bad."""
    if task.photo.path.stem == "bad":
        os.kill(os.getpid(), signal.SIGKILL)
    return normalize_photo(task)


def die_the_first_time(task: PhotoTask) -> PhotoResult:
    """Do the work, but be killed by the first look at each photo."""
    mark = task.photo.path.with_suffix(".mark")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return normalize_photo(task)
