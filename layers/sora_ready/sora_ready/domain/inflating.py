"""A PNG is inflated on a second thread, while the decoder undoes the filters of the rows before.

Either takes about as long as the other, and Pillow does them in turn. Its decoder is handed the same stream stored
instead of deflated (RFC 1951, 3.2.4), which it reads as it would any other; everything else about the PNG, interlacing
and depth included, stays the decoder's business. ISA-L inflates in two thirds of the time that zlib-ng takes, so this
also pays on one core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Queue
from threading import Thread
from typing import Any

from isal import isal_zlib

# Fewer pixels than this are decoded before a second thread has begun.
WORTH_A_THREAD = 500_000
# Compressed bytes that are inflated at a time, and how many such pieces may wait for the decoder.
PIECE, WAITING = 1 << 18, 4
# The two bytes that a zlib stream begins with (RFC 1950), and how much one stored block holds at most.
_HEADER, _BLOCK = b"\x78\x01", 0xFFFF
_LAST_BLOCK = b"\x01\x00\x00\xff\xff"


@contextmanager
def inflate_ahead(picture: Any) -> Iterator[None]:
    """Have the PNG `picture`, when it is loaded within the block, find its pixels inflated already."""
    ahead = _InflatedAhead(picture.load_read)
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


class _InflatedAhead:
    """Reads deflated bytes from `read` and hands them out stored; an empty piece tells that there are no more."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._pieces: Queue[bytes | Exception] = Queue(WAITING)
        self._stopped = False
        self._thread: Thread | None = None

    def read(self, _size: int) -> bytes:
        """Return the next piece, of whatever length. Raises what the other thread met (`OSError`)."""
        if self._thread is None:
            self._thread = Thread(target=self._inflate)
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

    def _inflate(self) -> None:
        try:
            for piece in self._store():
                self._pieces.put(piece)
                if self._stopped:
                    return
            self._pieces.put(b"")
        except Exception as error:  # noqa: BLE001 - it is raised again where the picture is decoded
            self._pieces.put(error if isinstance(error, OSError) else OSError(f"cannot be inflated: {error}"))

    def _store(self) -> Iterator[bytes]:
        inflater, checksum = isal_zlib.decompressobj(), 1
        yield _HEADER
        while not inflater.eof:
            deflated = self._read(PIECE)
            if not deflated:
                # Cut short: the decoder says so, if it still wants rows.
                return
            while deflated:
                # A bound, for a bomb inflates a thousandfold.
                inflated = inflater.decompress(deflated, 4 * PIECE)
                deflated = inflater.unconsumed_tail
                checksum = isal_zlib.adler32(inflated, checksum)
                yield _store_blocks(inflated)
        yield _LAST_BLOCK + checksum.to_bytes(4, "big")


def _store_blocks(data: bytes) -> bytes:
    """Return the data as stored blocks, none of which is the last."""
    view = memoryview(data)
    parts: list[bytes | memoryview] = []
    for start in range(0, len(data), _BLOCK):
        block = view[start : start + _BLOCK]
        parts += [b"\x00", len(block).to_bytes(2, "little"), (len(block) ^ 0xFFFF).to_bytes(2, "little"), block]
    return b"".join(parts)
