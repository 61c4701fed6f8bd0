"""`python -m local normalize`: photos of this machine become frames, on all its cores and without any AWS."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from local.contact_sheet import MAX_PHOTOS, SUFFIXES, draw_refused_row, encode_sheet, stack_rows
from local.normalize_photo import Made, Task, normalize_photo
from local.photos import Found, Photo, Refusal, find_endangered, find_photos, name_outputs, plain_output
from local.progress import ProgressReport
from local.sample import SAMPLES
from local.workers import spread_work
from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import Format, FrameOptions, Size
from sora_ready.domain.options import DEFAULTS, MODEL, OPTIONS, SIZE, Models
from sora_ready.domain.request import apply_preset, merge_options, parse_frame_options
from sora_ready.domain.size_names import find_sizes, list_sizes


class NormalizeCommandError(Exception):
    """The command cannot be carried out as it was given, so nothing was begun. The message says what to change."""


@dataclass(frozen=True, slots=True)
class NormalizeCommand:
    """What is wanted of `photos` (files and folders) and `samples`: frames in `out`, a contact sheet, or both."""

    photos: Sequence[Path]
    sizes: tuple[Size, ...]
    frame_options: FrameOptions
    out: Path | None = None
    sheet: Path | None = None
    jobs: int = 1
    force: bool = False
    samples: bool = False


def parse_options(options: Mapping[str, str]) -> tuple[tuple[Size, ...], FrameOptions]:
    """Return the sizes to choose from and the frame options. An empty value counts as not given.

    Any size in pixels is accepted; the names of sizes mean the model's. Raises `RequestRejected`.
    """
    merged = apply_preset(merge_options([("option", options), ("default", DEFAULTS)]))
    models = load_catalog().models
    model = MODEL.read(merged["model"], Models(models))
    size = merged.pop("size")
    for name, option in merged.items():
        # Also those that no frame option holds.
        OPTIONS[name].read(option, Models(models, model))
    sizes = find_sizes(size.value, model.sizes) or _parse_pixels(size.value)
    if not sizes:
        raise RequestRejected("size", size.value, size.source, [*SIZE.allowed, *list_sizes(model.sizes)])
    return sizes, parse_frame_options(merged)


def normalize_photos(order: NormalizeCommand, work: Callable[[Task], Made] = normalize_photo) -> bool:
    """Carry out an order; return whether nothing was refused. `work` runs in other processes, so it must pickle.

    Nothing is overwritten unless the order has `force`, and a photo that is read never is. A file appears whole or not
    at all. Raises `NormalizeCommandError` before anything is begun.
    """
    with _draw_samples(order.samples) as samples:
        found = find_photos(order.photos, leave_out=order.out)
        found.photos += samples
        targets = _name_targets(order, found.photos)
        _check_order(order, found.photos, targets)
        tasks, existing = _plan_tasks(order, found.photos, targets)
        tally = ProgressReport(len(tasks))
        done = _do_tasks(tasks, order, work, tally)
    if order.sheet and done:
        sheet = stack_rows([_show(made) for made in done], order.frame_options)
        write_whole(order.sheet, encode_sheet(sheet, order.sheet.suffix))
    refusals = [*found.refusals, *existing, *(made.refusal for made in done if made.refusal)]
    _sum_up(order, found, targets, done, tally)
    tally.list_refusals(refusals)
    return not refusals


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, and the folder it lies in, so that nobody ever sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{os.getpid()}.part")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _parse_pixels(text: str) -> tuple[Size, ...]:
    try:
        return (Size.parse(text),)
    except ValueError:
        return ()


@contextmanager
def _draw_samples(wanted: bool) -> Iterator[list[Photo]]:
    """Yield the project's own pictures, if they are wanted, for as long as they are there."""
    if not wanted:
        yield []
        return
    with TemporaryDirectory() as folder:
        yield [Photo(make(Path(folder, name)), name, Path(name)) for name, make in SAMPLES.items()]


def _suffix(frame_options: FrameOptions) -> str:
    return ".jpg" if frame_options.format is Format.JPEG else f".{frame_options.format}"


def _name_targets(order: NormalizeCommand, photos: Sequence[Photo]) -> list[Path | None]:
    """Return where each photo's frame is written, None where only a sheet is wanted."""
    if not order.out:
        return [None] * len(photos)
    out, suffix = order.out, _suffix(order.frame_options)
    taken = []
    if order.sheet and order.sheet.absolute().is_relative_to(out.absolute()):
        taken = [order.sheet.absolute().relative_to(out.absolute())]
    return [out / below for below in name_outputs(photos, suffix, taken)]


def _check_order(order: NormalizeCommand, photos: Sequence[Photo], targets: Sequence[Path | None]) -> None:
    """Raise `NormalizeCommandError` where the order cannot be carried out; make the folders that it writes to."""
    if not order.photos and not order.samples:
        raise NormalizeCommandError("Say which photos: files, folders, or --samples.")
    if not order.out and not order.sheet:
        raise NormalizeCommandError(
            "Say what for: --out DIR for the frames, --contact-sheet FILE to compare the modes, or both."
        )
    if order.sheet:
        _check_sheet(order.sheet, len(photos), force=order.force)
    written = [*targets, order.sheet]
    endangered = find_endangered(photos, [path for path in written if path])
    if endangered:
        raise NormalizeCommandError(
            f"{endangered} is one of the photos and would be overwritten. Write to another place."
        )
    for folder in (order.out, order.sheet and order.sheet.parent):
        try:
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NormalizeCommandError(f"{folder} must be a folder that can be written: {error.strerror}.") from error


def _check_sheet(sheet: Path, photos: int, *, force: bool) -> None:
    if sheet.suffix.lower() not in SUFFIXES:
        raise NormalizeCommandError(f"--contact-sheet {sheet}: its name must end in {', '.join(SUFFIXES)}.")
    if os.path.lexists(sheet) and (not force or stat.S_ISDIR(sheet.lstat().st_mode)):
        raise NormalizeCommandError(
            f"{sheet} is there already. " + ("It is a folder." if force else "--force replaces it.")
        )
    if photos > MAX_PHOTOS:
        raise NormalizeCommandError(
            f"A contact sheet shows up to {MAX_PHOTOS} photos, and these are {photos}. Choose from them."
        )


def _plan_tasks(
    order: NormalizeCommand, photos: Sequence[Photo], targets: Sequence[Path | None]
) -> tuple[list[Task], list[Refusal]]:
    """Return what is to be done, and the refusals of frames that are there already."""
    tasks, refusals = [], []
    for photo, target in zip(photos, targets, strict=True):
        free = target
        if target and not order.force and os.path.lexists(target):
            refusals.append(_refuse_existing(photo, target))
            free = None
        if free or order.sheet:
            tasks.append(Task(photo, order.sizes, order.frame_options, free, row=order.sheet is not None))
    return tasks, refusals


def _do_tasks(
    tasks: Sequence[Task], order: NormalizeCommand, work: Callable[[Task], Made], tally: ProgressReport
) -> list[Made]:
    """Return what came of each task; the frames are written as they come and not kept."""
    done: dict[int, Made] = {}
    with tally, closing(spread_work(work, tasks, order.jobs)) as finished:
        for number, result in finished:
            task = tasks[number]
            made = done[number] = _write_frame(task, result or _refuse_crash(task.photo), force=order.force)
            told = f"→ {task.target}  {made.told}" if task.target else "is on the sheet"
            tally.count(task.photo.name, f"is refused ({made.refusal.code})" if made.refusal else told)
    return [done[number] for number in range(len(tasks))]


def _write_frame(task: Task, made: Made, *, force: bool) -> Made:
    """Write the frame, if there is one; return the rest, or why it could not be written."""
    if not made.frame or not task.target:
        return made
    # Somebody else may have written it meanwhile.
    if not force and os.path.lexists(task.target):
        return replace(made, frame=None, refusal=_refuse_existing(task.photo, task.target))
    try:
        write_whole(task.target, made.frame)
    except OSError as error:
        told = f"{task.target} cannot be written: {error.strerror}."
        return replace(made, frame=None, refusal=Refusal(task.photo.name, "not_written", told))
    return replace(made, frame=None, written=True)


def _show(made: Made) -> Image.Image:
    if made.row:
        return made.row
    assert made.refusal
    return draw_refused_row(made.refusal)


def _refuse_crash(photo: Photo) -> Made:
    told = "The decoder crashed on it, or took all memory, twice. Export it again as a plain JPEG, or shrink it."
    return Made(refusal=Refusal(photo.name, "decoder_crashed", told))


def _refuse_existing(photo: Photo, target: Path) -> Refusal:
    return Refusal(photo.name, "exists", f"{target} is there already. --force replaces it.")


def _sum_up(
    order: NormalizeCommand, found: Found, targets: Sequence[Path | None], done: Sequence[Made], tally: ProgressReport
) -> None:
    for photo, target in zip(found.photos, targets, strict=True):
        plain = plain_output(photo, _suffix(order.frame_options)).name
        if target and target.name != plain:
            tally.say(f"{photo.name} is {target}: another one is {plain}.")
    if found.left_alone:
        tally.say(f"Left alone, as they are no pictures by their names: {found.left_alone}")
    if order.sheet:
        shown = sum(made.row is not None for made in done)
        tally.say_time(f"{shown} of {len(found.photos)} photos are side by side in {order.sheet}")
    if order.out:
        written = sum(made.written for made in done)
        tally.say_time(f"{written} of {len(found.photos)} photos are frames in {order.out}")
