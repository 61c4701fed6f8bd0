"""The photos that `normalize` reads: which files the given paths mean, and the names of their frames."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# The suffixes of pictures in a folder. A file that is given itself is read whatever its name.
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .gif .tif .tiff .bmp .avif .heic .heif".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Photo:
    """A file to read: its `path`, its `name` in messages, and its path relative to the folder that was given."""

    path: Path
    name: str
    relative_path: Path


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photo that does not become a frame: its `name`, a `code` for programs, and a sentence with what to do."""

    name: str
    code: str
    message: str


@dataclass(slots=True)
class FoundPhotos:
    """The photos in order, the paths that cannot be read, and the number of files ignored for their suffix."""

    photos: list[Photo] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    ignored: int = 0
    _seen: set[str] = field(default_factory=set)

    def add(self, path: Path, relative_path: Path) -> None:
        """Add a file, once however often it is given."""
        absolute = os.path.abspath(path)  # noqa: PTH100 - resolve() takes two links for one picture
        if absolute in self._seen:
            return
        self._seen.add(absolute)
        try:
            is_file = stat.S_ISREG(path.stat().st_mode)
        except FileNotFoundError:
            self.refusals.append(Refusal(str(path), "not_found", "There is no such file."))
        except OSError as error:
            self.refusals.append(refuse_unreadable(str(path), error))
        else:
            if is_file:
                self.photos.append(Photo(path, str(path), relative_path))
            else:
                self.refusals.append(Refusal(str(path), "not_a_file", "This is neither a file nor a folder."))


def find_photos(paths: Iterable[Path], excluded: Path | None = None) -> FoundPhotos:
    """Return the pictures among files and, recursively, folders; the folder `excluded` is not searched.

    A file is found once, however many of the paths lead to it. Hidden files and folders are skipped.
    """
    found = FoundPhotos()
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises if a folder above it cannot be read
            _search_folder(path, found, excluded)
        else:
            found.add(path, Path(path.name))
    return found


def refuse_unreadable(name: str, error: OSError) -> Refusal:
    """Return the refusal of a file that the system does not let us read."""
    return Refusal(name, "unreadable", f"It cannot be read: {error.strerror or error}.")


def make_printable(text: str) -> str:
    """Return a text that is safe to print and draw: file names may hold newlines, control codes and broken bytes."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def default_output(photo: Photo, suffix: str) -> Path:
    """Return the path of a photo's frame, relative to the output folder, if no other photo has the same."""
    path = photo.relative_path
    return path.with_name((path.stem if path.suffix.lower() in SUFFIXES else path.name) + suffix)


def assign_outputs(photos: Sequence[Photo], suffix: str, taken: Iterable[Path] = ()) -> list[Path]:
    """Return the path of each photo's frame, relative to the output folder; equal names get a number.

    None of them is among `taken`. Names that differ only in case are equal, as they are to many file systems.
    """
    defaults = [default_output(photo, suffix) for photo in photos]
    claimed = {_fold(path) for path in taken}
    is_free = []
    # Names without a number are claimed first, so that no numbered name can take one of them.
    for path in defaults:
        is_free.append(_fold(path) not in claimed)
        claimed.add(_fold(path))
    return [path if free else _number(path, claimed) for path, free in zip(defaults, is_free, strict=True)]


def find_overwritten(photos: Sequence[Photo], targets: Iterable[Path]) -> Path | None:
    """Return the first of `targets` that is the same file as one of the photos, None if there is none."""
    sources = {_file_id(photo.path) for photo in photos}
    return next((target for target in targets if (file_id := _file_id(target)) and file_id in sources), None)


def _search_folder(folder: Path, found: FoundPhotos, excluded: Path | None) -> None:
    empty = True
    # Each real folder is entered once, whatever links lead to it.
    entered = {_file_id(path) for path in (folder, excluded) if path}

    def refuse(error: OSError) -> None:
        nonlocal empty
        empty = False
        found.refusals.append(refuse_unreadable(str(error.filename), error))

    def enter(path: Path) -> bool:
        file_id = _file_id(path)
        if path.name.startswith(".") or (file_id and file_id in entered):
            return False
        entered.add(file_id)
        return True

    for parent, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        folders[:] = [name for name in sorted(folders) if enter(Path(parent, name))]
        for path in (Path(parent, name) for name in sorted(files) if not name.startswith(".")):
            if path.suffix.lower() in SUFFIXES:
                empty = False
                found.add(path, path.relative_to(folder))
            else:
                found.ignored += 1
    if empty:
        found.refusals.append(Refusal(str(folder), "no_pictures", "The folder holds no pictures."))


def _file_id(path: Path) -> tuple[int, int] | None:
    """Return what is the same for every name of a file; None if there is no such file."""
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
