"""Every encoding, and frames that are not what they claim."""

import base64
import json
from decimal import Decimal

import msgpack
import pytest
import zstandard

from overround.feed import frames
from overround.feed.frames import FrameDecoder
from overround.feed.wire import Row
from overround.venues import Unreadable

BODY = {"channel": "odds", "price": 1.99, "ids": [1, 2], "text": "é"}
SAMPLES: list[bytes | bytearray | memoryview] = [json.dumps(BODY | {"n": n, "m": n * 31}).encode() for n in range(200)]
DICTIONARY = zstandard.train_dictionary(2048, SAMPLES, dict_id=77)


def dictionary_frame(dict_id: int = 77) -> Row:
    data = base64.b64encode(DICTIONARY.as_bytes()).decode()
    return Row("frame", {"type": "dict", "channel": "odds", "dictId": dict_id, "encoding": "base64", "data": data})


def sizeless(data: bytes, dictionary: zstandard.ZstdCompressionDict | None = None) -> bytes:
    return zstandard.ZstdCompressor(dict_data=dictionary, write_content_size=False).compress(data)


def test_text_and_bytes_of_json_are_exact() -> None:
    text = '{"price": 1.10}'
    assert str(FrameDecoder().decode(text)["price"]) == "1.10"
    assert str(FrameDecoder().decode(text.encode())["price"]) == "1.10"


def test_msgpack_is_told_from_json_by_its_content() -> None:
    assert FrameDecoder().decode(msgpack.packb(BODY)) == BODY


def test_zstd_without_a_size_is_inflated() -> None:
    assert FrameDecoder().decode(sizeless(json.dumps(BODY).encode()))["price"] == Decimal("1.99")


def test_zstd_with_a_dictionary_needs_that_dictionary() -> None:
    decoder, frame = FrameDecoder(), sizeless(json.dumps(BODY).encode(), DICTIONARY)
    with pytest.raises(Unreadable, match="dictionary 77"):
        decoder.decode(frame)
    decoder.learn(dictionary_frame())
    assert decoder.decode(frame)["channel"] == "odds"


def test_dictionary_that_is_not_base64_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="base64"):
        FrameDecoder().learn(Row("frame", {"dictId": 1, "data": "@@@"}))


@pytest.mark.parametrize(
    "frame", ["", "{", b"\xc1", b"", b"{]", b"\x28\xb5\x2f\xfdgarbage", sizeless(b'{"a":1}')[:-3], "[" * 100_000]
)
def test_garbage_is_unreadable_and_nothing_else(frame: str | bytes) -> None:
    with pytest.raises(Unreadable):
        FrameDecoder().decode(frame)


def test_frame_that_grows_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_DECODED", 1_000_000)
    bomb = sizeless(b'"' + b"a" * 3_000_000 + b'"')
    assert len(bomb) < 1000
    with pytest.raises(Unreadable, match="grew past"):
        FrameDecoder().decode(bomb)
