"""`python -m local normalize`: turns photos on this machine into frames, on all its cores and without AWS."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from local import CommandError
from local.contact_sheet import FORMATS, MAX_PHOTOS, draw_refused_row, draw_row, encode_sheet, join_rows
from local.display import Display, PhotoProgress
from local.photos import (
    FoundPhotos,
    Photo,
    Refusal,
    assign_outputs,
    default_output,
    find_overwritten,
    find_photos,
    make_printable,
    refuse_unreadable,
)
from local.sample import SAMPLES
from local.workers import spread_work
from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import ImageRejected, RequestRejected
from sora_ready.domain.frame import Format, FrameOptions, Size
from sora_ready.domain.imaging import make_ready_image
from sora_ready.domain.options import DEFAULTS, MODEL, OPTIONS, SIZE, Models
from sora_ready.domain.request import apply_preset, merge_options, parse_frame_options
from sora_ready.domain.size_names import find_sizes, list_sizes


@dataclass(frozen=True, slots=True)
class NormalizeCommand:
    """Frames of the photos in `paths` (files and folders) and of the samples: in `out`, on a contact sheet, or both."""

    paths: Sequence[Path]
    sizes: tuple[Size, ...]
    frame_options: FrameOptions
    out: Path | None = None
    contact_sheet: Path | None = None
    jobs: int = 1
    force: bool = False
    samples: bool = False


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """One photo's work: its frame if there is a `target` to write it to, and its row of the sheet if `row`."""

    photo: Photo
    sizes: tuple[Size, ...]
    frame_options: FrameOptions
    target: Path | None
    row: bool


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """The result of a task: the encoded frame until it is `written`, the row of the sheet, or a refusal.

    `summary` is the frame's size and mode.
    """

    frame: bytes | None = None
    row: Image.Image | None = None
    refusal: Refusal | None = None
    summary: str = ""
    written: bool = False


def parse_options(options: Mapping[str, str]) -> tuple[tuple[Size, ...], FrameOptions]:
    """Return the sizes to choose from and the frame options; an empty option is as if not given.

    The size may be any in pixels; the names of sizes are those of the model's. Raises `RequestRejected`, naming the
    option, its value and what is allowed.
    """
    merged = apply_preset(merge_options([("option", options), ("default", DEFAULTS)]))
    models = load_catalog()
    model = MODEL.read(merged["model"], Models(models))
    size = merged.pop("size")
    for name, option in merged.items():
        # Also those that no frame option holds.
        OPTIONS[name].read(option, Models(models, model))
    try:
        sizes = find_sizes(size.value, model.sizes) or (Size.parse(size.value),)
    except ValueError:
        allowed = [*SIZE.allowed, *list_sizes(model.sizes)]
        raise RequestRejected("size", size.value, size.source, allowed) from None
    return sizes, parse_frame_options(merged)


def normalize_photo(task: PhotoTask) -> PhotoResult:
    """Carry out a task. Whatever is wrong with the photo becomes a refusal; nothing is raised."""
    photo = task.photo
    try:
        row = draw_row(photo, task.sizes, task.frame_options) if task.row else None
        if not task.target:
            return PhotoResult(row=row)
        ready = make_ready_image(photo.path, task.sizes, task.frame_options)
        return PhotoResult(frame=ready.data, row=row, summary=f"{ready.size}, {ready.mode}")
    except ImageRejected as error:
        return PhotoResult(refusal=Refusal(photo.name, error.code, error.message))
    except OSError as error:
        return PhotoResult(refusal=refuse_unreadable(photo.name, error))
    except Exception as error:  # noqa: BLE001 - one odd picture must not end the work on all others
        message = f"An unexpected error occurred ({type(error).__name__}: {error})."
        return PhotoResult(refusal=Refusal(photo.name, "unexpected", message))


def normalize_photos(
    command: NormalizeCommand, display: Display, work: Callable[[PhotoTask], PhotoResult] = normalize_photo
) -> bool:
    """Carry out the command; return whether nothing was refused. `work` runs in other processes, so it must pickle.

    No file is overwritten unless the command has `force`, and no photo that is read ever is. A file is written whole or
    not at all. Raises `CommandError` before anything is written.
    """
    with _draw_samples(command.samples) as samples:
        found = find_photos(command.paths, excluded=command.out)
        found.photos += samples
        targets = _assign_targets(command, found.photos)
        _check_command(command, found.photos, targets)
        tasks, existing = _plan_tasks(command, found.photos, targets)
        results = _run_tasks(tasks, command, display, work)
    if command.contact_sheet and results:
        sheet = join_rows([_row_of(result) for result in results], command.frame_options)
        write_whole(command.contact_sheet, encode_sheet(sheet, command.contact_sheet.suffix))
    refusals = [*found.refusals, *existing, *(result.refusal for result in results if result.refusal)]
    _print_summary(command, found, targets, results, display)
    _print_refusals(refusals, display)
    return not refusals


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, and its folder, so that nobody ever sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{os.getpid()}.part")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _draw_samples(wanted: bool) -> Iterator[list[Photo]]:
    """Yield the project's sample pictures, if they are wanted, in a folder that is removed when the block ends."""
    if not wanted:
        yield []
        return
    with TemporaryDirectory() as folder:
        yield [Photo(draw(Path(folder, name)), name, Path(name)) for name, draw in SAMPLES.items()]


def _suffix(frame_options: FrameOptions) -> str:
    return ".jpg" if frame_options.format is Format.JPEG else f".{frame_options.format}"


def _assign_targets(command: NormalizeCommand, photos: Sequence[Photo]) -> list[Path | None]:
    """Return the path that each photo's frame is written to, None where only a sheet is wanted."""
    out, sheet = command.out, command.contact_sheet
    if not out:
        return [None] * len(photos)
    sheet_is_inside = sheet and sheet.absolute().is_relative_to(out.absolute())
    taken = [sheet.absolute().relative_to(out.absolute())] if sheet and sheet_is_inside else []
    return [out / relative for relative in assign_outputs(photos, _suffix(command.frame_options), taken)]


def _check_command(command: NormalizeCommand, photos: Sequence[Photo], targets: Sequence[Path | None]) -> None:
    """Raise `CommandError` if the command cannot be carried out; create the folders that it writes to."""
    if not command.paths and not command.samples:
        raise CommandError("Name the photos: files, folders, or --samples.")
    if not command.out and not command.contact_sheet:
        raise CommandError(
            "Name the output: --out DIR for the frames, --contact-sheet FILE to compare the modes, or both."
        )
    if command.contact_sheet:
        _check_sheet(command.contact_sheet, len(photos), force=command.force)
    overwritten = find_overwritten(photos, [path for path in (*targets, command.contact_sheet) if path])
    if overwritten:
        raise CommandError(f"{overwritten} is one of the photos and would be overwritten. Use another folder.")
    for folder in (command.out, command.contact_sheet and command.contact_sheet.parent):
        try:
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{folder} must be a folder that can be written: {error.strerror}.") from error


def _check_sheet(sheet: Path, photos: int, *, force: bool) -> None:
    if sheet.suffix.lower() not in FORMATS:
        raise CommandError(f"--contact-sheet {sheet}: its name must end in {', '.join(FORMATS)}.")
    if os.path.lexists(sheet) and (not force or stat.S_ISDIR(sheet.lstat().st_mode)):
        raise CommandError(f"{sheet} exists already. " + ("It is a folder." if force else "--force replaces it."))
    if photos > MAX_PHOTOS:
        raise CommandError(f"A contact sheet shows up to {MAX_PHOTOS} photos, not {photos}. Choose from them.")


def _plan_tasks(
    command: NormalizeCommand, photos: Sequence[Photo], targets: Sequence[Path | None]
) -> tuple[list[PhotoTask], list[Refusal]]:
    """Return the tasks, and the refusals of photos whose frames exist already."""
    tasks, refusals = [], []
    with_row = command.contact_sheet is not None
    for photo, target in zip(photos, targets, strict=True):
        exists = target is not None and not command.force and os.path.lexists(target)
        if target and exists:
            refusals.append(_refuse_existing(photo, target))
        free = None if exists else target
        if free or with_row:
            tasks.append(PhotoTask(photo, command.sizes, command.frame_options, free, row=with_row))
    return tasks, refusals


def _run_tasks(
    tasks: Sequence[PhotoTask], command: NormalizeCommand, display: Display, work: Callable[[PhotoTask], PhotoResult]
) -> list[PhotoResult]:
    """Return the result of each task. The frames are written as they are finished, and not kept in memory."""
    results: dict[int, PhotoResult] = {}
    with PhotoProgress(display, len(tasks)) as progress, closing(spread_work(work, tasks, command.jobs)) as finished:
        for number, result in finished:
            task = tasks[number]
            written = results[number] = _write_frame(task, result or _refuse_crash(task.photo), force=command.force)
            done = f"→ {task.target}  {written.summary}" if task.target else "is on the sheet"
            progress.count(task.photo.name, f"is refused ({written.refusal.code})" if written.refusal else done)
    return [results[number] for number in range(len(tasks))]


def _write_frame(task: PhotoTask, result: PhotoResult, *, force: bool) -> PhotoResult:
    """Write the frame, if there is one; return the result without it, or with the reason why it was not written."""
    if not result.frame or not task.target:
        return result
    # Another program may have written it in the meantime.
    if not force and os.path.lexists(task.target):
        return replace(result, frame=None, refusal=_refuse_existing(task.photo, task.target))
    try:
        write_whole(task.target, result.frame)
    except OSError as error:
        message = f"{task.target} cannot be written: {error.strerror}."
        return replace(result, frame=None, refusal=Refusal(task.photo.name, "not_written", message))
    return replace(result, frame=None, written=True)


def _row_of(result: PhotoResult) -> Image.Image:
    if result.row:
        return result.row
    assert result.refusal, "a task for the sheet ends with a row or a refusal"
    return draw_refused_row(result.refusal)


def _refuse_crash(photo: Photo) -> PhotoResult:
    message = "The decoder crashed, or used up all memory, twice. Export it again as a plain JPEG, or shrink it."
    return PhotoResult(refusal=Refusal(photo.name, "decoder_crashed", message))


def _refuse_existing(photo: Photo, target: Path) -> Refusal:
    return Refusal(photo.name, "exists", f"{target} exists already. --force replaces it.")


def _print_summary(
    command: NormalizeCommand,
    found: FoundPhotos,
    targets: Sequence[Path | None],
    results: Sequence[PhotoResult],
    display: Display,
) -> None:
    for photo, target in zip(found.photos, targets, strict=True):
        default = default_output(photo, _suffix(command.frame_options)).name
        if target and target.name != default:
            display.print_line(make_printable(f"{photo.name} is {target}: another one is {default}."))
    if found.ignored:
        display.print_line(f"Ignored, because their suffixes are not those of pictures: {found.ignored}")
    if command.contact_sheet:
        shown = sum(result.row is not None for result in results)
        line = f"{shown} of {len(found.photos)} photos are side by side in {command.contact_sheet}"
        display.print_total(make_printable(line))
    if command.out:
        written = sum(result.written for result in results)
        display.print_total(make_printable(f"{written} of {len(found.photos)} photos are frames in {command.out}"))


def _print_refusals(refusals: Sequence[Refusal], display: Display) -> None:
    """Print each refusal with its code and the reason; several existing frames share one line."""
    existing = sum(refusal.code == "exists" for refusal in refusals)
    if existing > 1:
        display.print_error(f"{existing} frames exist already (exists). --force replaces them.")
    for refusal in refusals:
        if refusal.code != "exists" or existing == 1:
            display.print_error(make_printable(f"{refusal.name} ({refusal.code}): {refusal.message}"))
