"""Which pictures a row of files and folders means, and what each is called once it is a frame."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# In a folder these are taken for pictures. A file that was named itself is tried whatever it is called.
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .gif .tif .tiff .bmp .avif .heic .heif".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Photo:
    """A file to read: its `path`, the `name` it was given by, and where it lies `below` the folder that was given."""

    path: Path
    name: str
    below: Path


@dataclass(frozen=True, slots=True)
class Refusal:
    """What does not become a frame: its `name` as it was given, a `code` for programs, and a sentence for people."""

    name: str
    code: str
    message: str


@dataclass(slots=True)
class Found:
    """What was found: the photos in order, what cannot be read at all, and how many files are no pictures by name."""

    photos: list[Photo] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    left_alone: int = 0
    _known: set[str] = field(default_factory=set)

    def take(self, path: Path, below: Path) -> None:
        """Add a file, once however often it was given."""
        spelled = os.path.abspath(path)  # noqa: PTH100 - resolve() takes two links for one picture
        if spelled in self._known:
            return
        self._known.add(spelled)
        try:
            regular = stat.S_ISREG(path.stat().st_mode)
        except FileNotFoundError:
            self.refusals.append(Refusal(str(path), "not_found", "There is no such file."))
            return
        except OSError as error:
            self.refusals.append(refuse_unreadable(str(path), error))
            return
        if not regular:
            self.refusals.append(Refusal(str(path), "not_a_file", "This is neither a file nor a folder."))
        else:
            self.photos.append(Photo(path, str(path), below))


def find_photos(given: Iterable[Path], leave_out: Path | None = None) -> Found:
    """Return the pictures among files and, recursively, folders; `leave_out` is a folder that is not entered.

    A file is found once, however many of the given paths lead to it. Hidden files and folders are passed over.
    """
    found = Found()
    for path in given:
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises where a folder above it is shut
            _search_folder(path, found, leave_out)
        else:
            found.take(path, Path(path.name))
    return found


def refuse_unreadable(name: str, error: OSError) -> Refusal:
    """Return the refusal of what the system does not let us read."""
    return Refusal(name, "unreadable", f"It cannot be read: {error.strerror or error}.")


def make_printable(text: str) -> str:
    """Return a text that can be printed and drawn: file names may hold line ends, control codes and broken bytes."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def plain_output(photo: Photo, suffix: str) -> Path:
    """Return the path, below the output folder, that a photo's frame has if no other wants the same."""
    bare = photo.below.stem if photo.below.suffix.lower() in SUFFIXES else photo.below.name
    return photo.below.with_name(bare + suffix)


def name_outputs(photos: Sequence[Photo], suffix: str, taken: Iterable[Path] = ()) -> list[Path]:
    """Return each photo's path below the output folder: its own with `suffix`, numbered where two would meet.

    None of them is among `taken`. Names that differ only in case meet too: many file systems take them for one.
    """
    plain = [plain_output(photo, suffix) for photo in photos]
    claimed = {_fold(path) for path in taken}
    free = []
    # Who needs no number gets its name first, so that no numbered one takes it away.
    for path in plain:
        free.append(_fold(path) not in claimed)
        claimed.add(_fold(path))
    return [path if own else _number(path, claimed) for path, own in zip(plain, free, strict=True)]


def find_endangered(photos: Sequence[Photo], targets: Iterable[Path]) -> Path | None:
    """Return the first of `targets` that is one of the photos, by whichever name; None where none is."""
    sources = {_identify(photo.path) for photo in photos}
    return next((target for target in targets if (known := _identify(target)) and known in sources), None)


def _search_folder(folder: Path, found: Found, leave_out: Path | None) -> None:
    empty = True
    # Each real folder is entered once, whatever links lead back to it.
    seen = {_identify(place) for place in (folder, leave_out) if place}

    def report(error: OSError) -> None:
        nonlocal empty
        empty = False
        found.refusals.append(refuse_unreadable(str(error.filename), error))

    def enter(place: Path) -> bool:
        known = _identify(place)
        if place.name.startswith(".") or (known and known in seen):
            return False
        seen.add(known)
        return True

    for at, folders, files in os.walk(folder, followlinks=True, onerror=report):
        here = Path(at)
        folders[:] = [name for name in sorted(folders) if enter(here / name)]
        for name in sorted(files):
            if name.startswith("."):
                continue
            if Path(name).suffix.lower() in SUFFIXES:
                empty = False
                found.take(here / name, (here / name).relative_to(folder))
            else:
                found.left_alone += 1
    if empty:
        found.refusals.append(Refusal(str(folder), "no_pictures", "The folder holds no pictures."))


def _identify(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _fold(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()


def _number(path: Path, claimed: set[str]) -> Path:
    number = 2
    while _fold(numbered := path.with_stem(f"{path.stem}-{number}")) in claimed:
        number += 1
    claimed.add(_fold(numbered))
    return numbered
