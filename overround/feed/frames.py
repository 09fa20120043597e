"""The encodings of WebSocket frames: JSON text, MessagePack, zstd, zstd with dictionaries.

Source: oddspapi sheet, section 2.3. A text frame is JSON. A binary frame is told by its content, not by what was asked
for: the mode may be downgraded, and early servers sent JSON bytes in ``binary`` mode.
"""

import base64
import io
from typing import Any, Literal

import msgpack
import zstandard

from overround.feed.wire import VENUE, Row, parse_json
from overround.venues import Unreadable

ReceiveType = Literal["json", "binary", "zstd", "zstd-dict"]

MAX_DECODED = 64 * 1024 * 1024
"""Bytes one compressed frame may grow to (the vendor's own cap); frames do not declare their size."""

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
CHUNK = 128 * 1024


class FrameDecoder:
    """Turns frames into objects. ``dict`` frames teach it dictionaries, which live as long as the connection."""

    def __init__(self) -> None:
        self._plain = zstandard.ZstdDecompressor()
        self._by_dictionary: dict[int, zstandard.ZstdDecompressor] = {}

    def decode(self, frame: str | bytes) -> Any:
        """The object in a frame. Raises ``Unreadable``."""
        if isinstance(frame, str):
            return parse_json(frame)
        if frame.startswith(ZSTD_MAGIC):
            return parse_json(self._inflate(frame))
        return parse_json(frame) if frame[:1] in (b"{", b"[") else _unpack(frame)

    def learn(self, row: Row) -> None:
        """Take the dictionary of a ``dict`` frame."""
        try:
            data = base64.b64decode(row.text("data"), validate=True)
        except ValueError as error:
            raise Unreadable(VENUE, f"dictionary is not base64: {error}") from error
        dictionary = zstandard.ZstdCompressionDict(data)
        self._by_dictionary[row.integer("dictId")] = zstandard.ZstdDecompressor(dict_data=dictionary)

    def _inflate(self, frame: bytes) -> bytes:
        try:
            return self._read(frame)
        except zstandard.ZstdError as error:
            raise Unreadable(VENUE, f"not a zstd frame: {error}") from error

    def _read(self, frame: bytes) -> bytes:
        reader = self._decompressor(zstandard.get_frame_parameters(frame).dict_id).stream_reader(frame)
        out = io.BytesIO()
        while chunk := reader.read(CHUNK):
            out.write(chunk)
            if out.tell() > MAX_DECODED:
                raise Unreadable(VENUE, f"a frame grew past {MAX_DECODED} bytes")
        return out.getvalue()

    def _decompressor(self, dictionary_id: int) -> zstandard.ZstdDecompressor:
        if not dictionary_id:
            return self._plain
        if dictionary_id not in self._by_dictionary:
            raise Unreadable(VENUE, f"frame needs dictionary {dictionary_id}, which was not sent")
        return self._by_dictionary[dictionary_id]


def _unpack(frame: bytes) -> Any:
    try:
        return msgpack.unpackb(frame, strict_map_key=False)
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise Unreadable(VENUE, f"not MessagePack: {error or type(error).__name__}") from error
