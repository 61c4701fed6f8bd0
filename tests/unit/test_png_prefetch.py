"""A large PNG is inflated beside its decoding: the same pixels, and the same refusals, as from one thread."""

from __future__ import annotations

import io
import random
import struct
import threading
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.imaging import decoding, png_prefetch
from sora_ready.domain.imaging.decoding import load_picture, open_picture

SIZE = (1100, 700)


def noise(mode: str) -> Image.Image:
    bands = Image.new(mode, (1, 1)).getbands()
    return Image.merge(mode, [Image.effect_noise(SIZE, 60 + 10 * number) for number in range(len(bands))])


def written(picture: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def made_of_rows(rows: list[bytes]) -> bytes:
    """A PNG, `SIZE` in color, of these rows; each begins with its filter."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"".join(rows), 1)) + chunk(b"IEND", b"")


def any_filters() -> bytes:
    chance = random.Random(3)
    return made_of_rows([bytes([chance.randrange(5)]) + chance.randbytes(3 * SIZE[0]) for _ in range(SIZE[1])])


def only_paeth() -> bytes:
    chance = random.Random(4)
    return made_of_rows([b"\x04" + chance.randbytes(3 * SIZE[0]) for _ in range(SIZE[1])])


PICTURES: dict[str, Callable[[], bytes]] = {
    "gray": lambda: written(noise("L")),
    "gray with alpha": lambda: written(noise("LA")),
    "color": lambda: written(noise("RGB")),
    "color with alpha": lambda: written(noise("RGBA")),
    "rows with any filter": any_filters,
    "rows that all look at the one above": only_paeth,
    "hardly deflated": lambda: written(noise("RGB"), compress_level=0),
    "one bit": lambda: written(noise("L").convert("1")),
    "a palette": lambda: written(noise("RGB").quantize(16)),
    "16 bits": lambda: written(noise("L").convert("I;16")),
    "flat": lambda: written(Image.new("RGB", (3000, 3000), "navy")),
    "text after the pixels": lambda: written(noise("RGB"))[:-12] + chunk(b"tEXt", b"Title\0late") + chunk(b"IEND", b""),
}


@pytest.fixture(autouse=True)
def no_thread_is_left() -> object:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("kind", PICTURES)
def test_the_pixels_are_those_of_one_thread(kind: str) -> None:
    data = PICTURES[kind]()
    with Image.open(io.BytesIO(data)) as alone:
        alone.load()

    ahead = open_picture(data)
    load_picture(ahead)

    assert (ahead.mode, ahead.size) == (alone.mode, alone.size)
    assert ahead.tobytes() == alone.tobytes()
    assert ahead.info == alone.info


def test_it_is_the_other_thread_that_inflates(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = set()
    real = png_prefetch._store_blocks
    monkeypatch.setattr(
        png_prefetch, "_store_blocks", lambda data: at_work.add(threading.current_thread()) or real(data)
    )
    load_picture(open_picture(PICTURES["color"]()))
    assert at_work
    assert threading.main_thread() not in at_work


@pytest.mark.parametrize(("make", "some"), [(any_filters, True), (only_paeth, False)])
def test_the_last_rows_filters_are_undone_by_the_other_thread_where_that_can_be(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes], some: bool
) -> None:
    undone = []
    real = png_prefetch._Rows.undo

    def undo(self: object, filtered: bytes, above: bytes | None) -> bytes:
        undone.append((threading.current_thread(), len(filtered) // (3 * SIZE[0] + 1)))
        return real(self, filtered, above)  # type: ignore[arg-type]

    monkeypatch.setattr(png_prefetch._Rows, "undo", undo)
    load_picture(open_picture(make()))
    assert bool(undone) is some
    assert threading.main_thread() not in {thread for thread, _ in undone}
    # of any three rows or so one can be told by itself
    assert not some or 0.28 * SIZE[1] < sum(rows for _, rows in undone) < 0.33 * SIZE[1]


@pytest.mark.parametrize("place", [0.5, 0.9])
def test_a_filter_that_there_is_not_is_corrupt_whichever_thread_undoes_it(place: float) -> None:
    rows = [b"\x01" + bytes(3 * SIZE[0])] * SIZE[1]
    rows[int(place * SIZE[1])] = b"\x09" + bytes(3 * SIZE[0])
    with pytest.raises(ImageRejected) as refused:
        load_picture(open_picture(made_of_rows(rows)))
    assert refused.value.code == "corrupt"


def test_a_small_picture_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_prefetch, "Thread", None)
    load_picture(open_picture(written(Image.new("RGB", (600, 400)))))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.98])
def test_a_picture_that_is_cut_short_is_corrupt(kept: float) -> None:
    data = PICTURES["color"]()
    with pytest.raises(ImageRejected) as refused:
        load_picture(open_picture(data[: int(len(data) * kept)]))
    assert refused.value.code == "corrupt"


def test_pixels_that_cannot_be_inflated_are_corrupt() -> None:
    data = bytearray(PICTURES["color"]())
    middle = len(data) // 2
    data[middle : middle + 64] = b"\xff" * 64
    with pytest.raises(ImageRejected) as refused:
        load_picture(open_picture(bytes(data)))
    assert refused.value.code == "corrupt"


def test_a_decoder_that_gives_up_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a picture whose first row has a filter that there is not, and many pieces after it
    rows = b"\x09" + bytes(3 * 4000) + (b"\x00" + bytes(range(250)) * 48) * 2999
    header = struct.pack(">IIBBBBB", 4000, 3000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")
    with pytest.raises(ImageRejected) as refused:
        load_picture(open_picture(data))
    assert refused.value.code == "corrupt"


def test_a_bomb_is_inflated_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = []
    real = png_prefetch._store_blocks
    monkeypatch.setattr(png_prefetch, "_store_blocks", lambda data: longest.append(len(data)) or real(data))
    load_picture(open_picture(written(Image.new("L", (9000, 9000)))))
    assert max(longest) <= png_prefetch.MOST + 9001
    assert sum(longest) == 9000 * 9001


def test_large_is_what_is_worth_a_thread() -> None:
    assert SIZE[0] * SIZE[1] > decoding.WORTH_A_THREAD
