"""A PNG is inflated on a second thread, while the decoder undoes the filters of the rows before.

Pillow does the two in turn. Its decoder is handed the same stream stored instead of deflated (RFC 1951, 3.2.4), which
it reads as it would any other. ISA-L inflates in two thirds of zlib-ng's time, so this also pays on one core.
It then undoes the filters of the last rows as well, which it hands over as rows without one, so that both threads have
about as much to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread
from typing import Any

from isal import isal_zlib
from PIL import Image

# Fewer pixels than this are decoded before a second thread has begun.
WORTH_A_THREAD = 500_000
# Compressed bytes that are inflated at a time, and how many such pieces may wait for the decoder: as many as there are,
# where rows are shared.
PIECE, WAITING = 1 << 18, 4
# Rows are shared where they are no more bytes than this, for all of them may have to wait: those behind this part.
MAX_SHARED, SHARED_BEHIND = 64_000_000, 0.68
# Inflated bytes that are handed on at a time, at most.
MOST = 4 * PIECE
# The two bytes that a zlib stream begins with (RFC 1950), and how much one stored block holds at most.
_HEADER, _BLOCK = b"\x78\x01", 0xFFFF
_LAST_BLOCK = b"\x01\x00\x00\xff\xff"
# Each row begins with its filter (PNG, 9.2). The first two, none and Sub, do not look at the row above.
_NONE, _SUB = b"\x00", 1
_WHOLE_BYTES = frozenset({"L", "LA", "P", "RGB", "RGBA"})


@contextmanager
def prefetch_inflate(picture: Any) -> Iterator[None]:
    """Have the PNG `picture`, when it is loaded within the block, find its pixels inflated already."""
    ahead = _InflatedAhead(picture.load_read, _find_rows(picture))
    finish = picture.load_end

    def load_end() -> None:
        # What follows the pixels is read from the same file.
        ahead.stop()
        finish()

    picture.load_read, picture.load_end = ahead.read, load_end
    try:
        yield
    finally:
        ahead.stop()
        del picture.load_read, picture.load_end


@dataclass(frozen=True, slots=True)
class _Rows:
    """How a picture's rows lie in the stream: `length` bytes each, and one for the filter before them."""

    mode: str
    width: int
    height: int
    length: int

    def undo(self, filtered: bytes, above: bytes | None) -> bytes:
        """Return whole rows without their filters. `above` is the row before, where the first looks at it."""
        first = _NONE + above if above is not None else b""
        data = first + filtered
        height = len(data) // (self.length + 1)
        stream = _HEADER + _store_blocks(data) + _LAST_BLOCK + isal_zlib.adler32(data).to_bytes(4, "big")
        pixels = Image.frombytes(self.mode, (self.width, height), stream, "zip", self.mode, 0).tobytes()
        starts = range(self.length if first else 0, len(pixels), self.length)
        return b"".join(part for start in starts for part in (_NONE, pixels[start : start + self.length]))


def _find_rows(picture: Any) -> _Rows | None:
    """Return how the rows lie; None where they are interlaced, no whole bytes, or too many."""
    raw_mode = picture.tile[0][3] if len(picture.tile) == 1 else None
    if picture.info.get("interlace") or raw_mode != picture.mode or raw_mode not in _WHOLE_BYTES:
        return None
    length = picture.width * len(picture.getbands())
    return _Rows(raw_mode, picture.width, picture.height, length) if length * picture.height <= MAX_SHARED else None


class _InflatedAhead:
    """Reads deflated bytes from `read` and hands them out stored."""

    def __init__(self, read: Callable[[int], bytes], rows: _Rows | None) -> None:
        self._read = read
        self._rows = rows
        self._inflated_rows = 0
        self._above: bytes | None = None
        self._pieces: Queue[bytes | Exception] = Queue(0 if rows else WAITING)
        self._stopped = False
        self._thread: Thread | None = None

    def read(self, _size: int) -> bytes:
        """Return the next piece, of whatever length. Raises what the other thread met (`OSError`)."""
        if self._thread is None:
            self._thread = Thread(target=self._work)
            self._thread.start()
        piece = self._pieces.get()
        if isinstance(piece, Exception):
            raise piece
        return piece

    def stop(self) -> None:
        """End the other thread; it reads nothing more."""
        self._stopped = True
        while self._thread and self._thread.is_alive():
            # It may wait for room for a piece that nobody wants any more.
            with suppress(Empty):
                self._pieces.get(timeout=0.001)

    def _work(self) -> None:
        try:
            checksum = 1
            self._pieces.put(_HEADER)
            # An empty piece would tell the decoder that there are no more.
            for data in filter(None, self._inflate()):
                checksum = isal_zlib.adler32(data, checksum)
                self._pieces.put(_store_blocks(data))
                if self._stopped:
                    return
            self._pieces.put(_LAST_BLOCK + checksum.to_bytes(4, "big"))
        except Exception as error:  # noqa: BLE001 - it is raised again where the picture is decoded
            self._pieces.put(error if isinstance(error, OSError) else OSError(f"cannot be inflated: {error}"))

    def _inflate(self) -> Iterator[bytes]:
        """Give out what the stream holds: whole rows, where that can be told, some without their filters."""
        inflater, rest = isal_zlib.decompressobj(), b""
        while not inflater.eof:
            deflated = self._read(PIECE)
            if not deflated:
                raise OSError("the stream is cut short")
            more = True
            while more:
                # A bound, for a bomb inflates a thousandfold.
                inflated = inflater.decompress(deflated, MOST)
                deflated = inflater.unconsumed_tail
                more = bool(deflated) or len(inflated) == MOST
                data = rest + inflated
                whole = len(data) - len(data) % (self._rows.length + 1) if self._rows else len(data)
                rest = data[whole:]
                yield from self._share(data[:whole])
        yield rest

    def _share(self, data: bytes) -> Iterator[bytes]:
        """Give out whole rows; of the last ones, those without their filters that can be told by themselves."""
        rows = self._rows
        if rows is None:
            yield data
            return
        filters = data[:: rows.length + 1]
        number = 0 if self._above is not None else self._find_first(filters, int(rows.height * SHARED_BEHIND))
        self._inflated_rows += len(filters)
        start = number * (rows.length + 1)
        yield data[:start]
        if start < len(data):
            undone = rows.undo(data[start:], self._above)
            self._above = undone[-rows.length :]
            yield undone

    def _find_first(self, filters: bytes, behind: int) -> int:
        """Return which row is the first that is `behind` so many and does not look at the one above it."""
        late = range(max(0, behind - self._inflated_rows), len(filters))
        return next((number for number in late if filters[number] <= _SUB), len(filters))


def _store_blocks(data: bytes) -> bytes:
    """Return the data as stored blocks, none of which is the last."""
    view = memoryview(data)
    parts: list[bytes | memoryview] = []
    for start in range(0, len(data), _BLOCK):
        block = view[start : start + _BLOCK]
        parts += [b"\x00", len(block).to_bytes(2, "little"), (len(block) ^ 0xFFFF).to_bytes(2, "little"), block]
    return b"".join(parts)
