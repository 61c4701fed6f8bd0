"""A large PNG is inflated beside its decoding: the same pixels, and the same refusals, as from one thread."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from sora_ready.domain import decoding, inflating
from sora_ready.domain.decoding import load_picture, open_picture
from sora_ready.domain.errors import ImageRejected

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


PICTURES: dict[str, Callable[[], bytes]] = {
    "grey": lambda: written(noise("L")),
    "grey with alpha": lambda: written(noise("LA")),
    "colour": lambda: written(noise("RGB")),
    "colour with alpha": lambda: written(noise("RGBA")),
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
    real = inflating._store_blocks
    monkeypatch.setattr(inflating, "_store_blocks", lambda data: at_work.add(threading.current_thread()) or real(data))
    load_picture(open_picture(PICTURES["colour"]()))
    assert at_work
    assert threading.main_thread() not in at_work


def test_a_small_picture_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflating, "Thread", None)
    load_picture(open_picture(written(Image.new("RGB", (600, 400)))))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.98])
def test_a_picture_that_is_cut_short_is_corrupt(kept: float) -> None:
    data = PICTURES["colour"]()
    with pytest.raises(ImageRejected) as refused:
        load_picture(open_picture(data[: int(len(data) * kept)]))
    assert refused.value.code == "corrupt"


def test_pixels_that_cannot_be_inflated_are_corrupt() -> None:
    data = bytearray(PICTURES["colour"]())
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
    real = inflating._store_blocks
    monkeypatch.setattr(inflating, "_store_blocks", lambda data: longest.append(len(data)) or real(data))
    load_picture(open_picture(written(Image.new("L", (9000, 9000)))))
    assert max(longest) <= 4 * inflating.PIECE
    assert sum(longest) == 9000 * 9001


def test_large_is_what_is_worth_a_thread() -> None:
    assert SIZE[0] * SIZE[1] > decoding.WORTH_A_THREAD
