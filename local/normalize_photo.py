"""One photo conformed in a process of its own: to a frame, to a row of the contact sheet, or to a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from local.contact_sheet import draw_row
from local.photos import Photo, Refusal, refuse_unreadable
from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import FrameOptions, Size
from sora_ready.domain.imaging import make_ready_image


@dataclass(frozen=True, slots=True)
class Task:
    """A photo, how its frame shall frame_options, where that is to be written, and whether a `row` for the sheet is wanted."""

    photo: Photo
    sizes: tuple[Size, ...]
    frame_options: FrameOptions
    target: Path | None
    row: bool


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a task: the encoded frame until it is `written`, the row of the sheet, or a refusal.

    `told` says in a few words what the frame is.
    """

    frame: bytes | None = None
    row: Image.Image | None = None
    refusal: Refusal | None = None
    told: str = ""
    written: bool = False


def normalize_photo(task: Task) -> Made:
    """Make what the task wants. Whatever goes wrong with the photo is a refusal; nothing is raised."""
    photo = task.photo
    try:
        row = draw_row(photo, task.sizes, task.frame_options) if task.row else None
        if not task.target:
            return Made(row=row)
        ready = make_ready_image(photo.path, task.sizes, task.frame_options)
        return Made(frame=ready.data, row=row, told=f"{ready.size}, {ready.mode}")
    except ImageRejected as error:
        return Made(refusal=Refusal(photo.name, error.code, error.message))
    except OSError as error:
        return Made(refusal=refuse_unreadable(photo.name, error))
    except Exception as error:  # noqa: BLE001 - one odd picture must not end the work on all others
        told = f"Something went wrong that nobody foresaw ({type(error).__name__}: {error})."
        return Made(refusal=Refusal(photo.name, "unexpected", told))
