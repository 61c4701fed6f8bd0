"""Inflates a PNG on a second thread, while Pillow's decoder undoes the filters of the rows before.

Pillow does the two in turn. Here its decoder gets the same zlib stream in stored instead of deflated blocks (RFC 1951,
section 3.2.4), which it reads as any other. ISA-L inflates in two thirds of zlib-ng's time, so this also pays on one
core. To balance the threads, the second one also unfilters the last rows and passes them on as rows with filter None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread
from typing import Protocol, cast

from isal import isal_zlib
from PIL import Image

# Smaller pictures are decoded before a second thread has started.
MIN_THREADED_PIXELS = 500_000
# The deflated bytes that are read at a time, and how many inflated chunks may wait if the decoder unfilters all rows.
CHUNK_BYTES, MAX_WAITING_CHUNKS = 1 << 18, 4
# Rows are unfiltered here if all of them, which may have to wait in memory, are no more bytes than this: the rows after
# this share of them.
MAX_UNFILTERED_BYTES, DECODER_SHARE = 64_000_000, 0.68
# The most inflated bytes in one chunk.
MAX_INFLATED_BYTES = 4 * CHUNK_BYTES
# The header of a zlib stream (RFC 1950), the most bytes in a stored block, and an empty last block.
_HEADER, _MAX_BLOCK_BYTES, _LAST_BLOCK = b"\x78\x01", 0xFFFF, b"\x01\x00\x00\xff\xff"
# The filter types with which a row does not depend on the row above (PNG specification, section 9.2): 0 and 1.
_NONE, _SUB = b"\x00", 1
_BYTE_MODES = frozenset({"L", "LA", "P", "RGB", "RGBA"})


class _PngFile(Protocol):
    """What Pillow's decoder calls on a PNG that it loads."""

    load_read: Callable[[int], bytes]
    load_end: Callable[[], None]


@contextmanager
def prefetch_inflate(picture: Image.Image) -> Iterator[None]:
    """Make the PNG `picture`, when it is loaded within the block, read inflated pixels from a second thread."""
    file = cast("_PngFile", picture)
    inflater = _PrefetchingInflater(file.load_read, _find_row_layout(picture))
    load_end = file.load_end

    def stop_and_load_end() -> None:
        # The chunks after the pixels are read from the same file.
        inflater.stop()
        load_end()

    file.load_read, file.load_end = inflater.read, stop_and_load_end
    try:
        yield
    finally:
        inflater.stop()
        del file.load_read, file.load_end


@dataclass(frozen=True)
class _RowLayout:
    """The rows of a PNG's inflated stream: each is one byte for its filter and `row_bytes` bytes of pixels."""

    mode: str
    width: int
    height: int
    row_bytes: int

    def unfilter(self, filtered: bytes, row_above: bytes | None) -> bytes:
        """Return whole rows with filter None. `row_above` is the unfiltered row above them; None if not needed."""
        above = _NONE + row_above if row_above is not None else b""
        data = above + filtered
        height = len(data) // (self.row_bytes + 1)
        stream = _HEADER + _to_stored_blocks(data) + _LAST_BLOCK + isal_zlib.adler32(data).to_bytes(4, "big")
        pixels = Image.frombytes(self.mode, (self.width, height), stream, "zip", self.mode, 0).tobytes()
        starts = range(self.row_bytes if above else 0, len(pixels), self.row_bytes)
        return b"".join(part for start in starts for part in (_NONE, pixels[start : start + self.row_bytes]))


def _find_row_layout(picture: Image.Image) -> _RowLayout | None:
    """Return the layout of the rows; None if they are interlaced, not of whole bytes, or too many to unfilter here."""
    tiles = getattr(picture, "tile", [])
    raw_mode = tiles[0][3] if len(tiles) == 1 else None
    if picture.info.get("interlace") or raw_mode != picture.mode or raw_mode not in _BYTE_MODES:
        return None
    row_bytes = picture.width * len(picture.getbands())
    if row_bytes * picture.height > MAX_UNFILTERED_BYTES:
        return None
    return _RowLayout(picture.mode, picture.width, picture.height, row_bytes)


class _PrefetchingInflater:
    """Reads deflated bytes with `read_deflated` on a second thread, and returns them as stored blocks."""

    def __init__(self, read_deflated: Callable[[int], bytes], rows: _RowLayout | None) -> None:
        self._read_deflated = read_deflated
        self._rows = rows
        self._inflated_rows = 0
        self._row_above: bytes | None = None
        self._chunks: Queue[bytes | Exception] = Queue(0 if rows else MAX_WAITING_CHUNKS)
        self._stopped = False
        self._thread: Thread | None = None

    def read(self, _size: int) -> bytes:
        """Return the next chunk, of any length. Raises the `OSError` of the second thread."""
        if self._thread is None:
            self._thread = Thread(target=self._run)
            self._thread.start()
        chunk = self._chunks.get()
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def stop(self) -> None:
        """End the second thread, which then reads nothing more."""
        self._stopped = True
        while self._thread and self._thread.is_alive():
            # It may be waiting to put a chunk that will not be read.
            with suppress(Empty):
                self._chunks.get(timeout=0.001)

    def _run(self) -> None:
        try:
            checksum = 1
            self._chunks.put(_HEADER)
            # To the decoder, an empty chunk is the end.
            for data in filter(None, self._inflate()):
                checksum = isal_zlib.adler32(data, checksum)
                self._chunks.put(_to_stored_blocks(data))
                if self._stopped:
                    return
            self._chunks.put(_LAST_BLOCK + checksum.to_bytes(4, "big"))
        except Exception as error:  # noqa: BLE001 - `read` raises it on the decoder's thread
            self._chunks.put(error if isinstance(error, OSError) else OSError(f"cannot be inflated: {error}"))

    def _inflate(self) -> Iterator[bytes]:
        """Yield the inflated stream: in whole rows if their layout is known, the last ones unfiltered."""
        inflater, rest = isal_zlib.decompressobj(), b""
        while not inflater.eof:
            deflated = self._read_deflated(CHUNK_BYTES)
            if not deflated:
                raise OSError("the stream is cut short")
            more = True
            while more:
                # Bounded, because a decompression bomb grows a thousandfold.
                inflated = inflater.decompress(deflated, MAX_INFLATED_BYTES)
                deflated = inflater.unconsumed_tail
                more = bool(deflated) or len(inflated) == MAX_INFLATED_BYTES
                data = rest + inflated
                whole = len(data) - len(data) % (self._rows.row_bytes + 1) if self._rows else len(data)
                rest = data[whole:]
                yield from self._unfilter_last_rows(data[:whole])
        yield rest

    def _unfilter_last_rows(self, data: bytes) -> Iterator[bytes]:
        """Yield whole rows: once a row after the decoder's share does not depend on the row above, unfiltered ones."""
        rows = self._rows
        if rows is None:
            yield data
            return
        filters = data[:: rows.row_bytes + 1]
        first = 0 if self._row_above is not None else self._first_independent_row(filters, rows.height)
        self._inflated_rows += len(filters)
        start = first * (rows.row_bytes + 1)
        yield data[:start]
        if start < len(data):
            unfiltered = rows.unfilter(data[start:], self._row_above)
            self._row_above = unfiltered[-rows.row_bytes :]
            yield unfiltered

    def _first_independent_row(self, filters: bytes, height: int) -> int:
        """Return the first row after the decoder's share that does not depend on the row above; else their count."""
        after = range(max(0, int(height * DECODER_SHARE) - self._inflated_rows), len(filters))
        return next((row for row in after if filters[row] <= _SUB), len(filters))


def _to_stored_blocks(data: bytes) -> bytes:
    """Return the data as stored blocks (RFC 1951, section 3.2.4), none of which is marked as the last."""
    view = memoryview(data)
    parts: list[bytes | memoryview] = []
    for start in range(0, len(data), _MAX_BLOCK_BYTES):
        block = view[start : start + _MAX_BLOCK_BYTES]
        parts += [b"\x00", len(block).to_bytes(2, "little"), (len(block) ^ 0xFFFF).to_bytes(2, "little"), block]
    return b"".join(parts)
