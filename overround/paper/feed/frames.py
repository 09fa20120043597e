"""Frames as the gateway sends them: one encoding per receive type, built once however many clients want it.

Source: oddspapi sheet, sections 2.3 and 2.5.
"""

import base64
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgpack
import orjson
import zstandard

Json = dict[str, Any]

RECEIVE_TYPES = ("json", "binary", "zstd", "zstd-dict")
GATED = {"odds": "odds", "bookmakers": "bookmakers"}
"""Bookmaker-gated channels and the payload key that holds slugs (sheet, section 3)."""

DICTIONARY_CHANNELS = {"odds": 7001, "fixtures": 7002, "bookmakers": 7003}


@dataclass(frozen=True, slots=True)
class Frame:
    """One data frame before encoding. ``at`` is its cursor's time in epoch milliseconds."""

    channel: str
    payload: Json
    at: int
    entry_id: str
    sport_id: int
    tournament_id: int
    fixture_id: str
    _encoded: dict[tuple[str, frozenset[str] | None], str | bytes | None] = field(default_factory=dict)

    def encoded(self, receive_type: str, bookmakers: frozenset[str] | None) -> str | bytes | None:
        """The frame for a client; None when nothing is left after the bookmaker filter."""
        key = (receive_type, bookmakers if self.channel in GATED else None)
        if key not in self._encoded:
            self._encoded[key] = self._encode(*key)
        return self._encoded[key]

    def _encode(self, receive_type: str, bookmakers: frozenset[str] | None) -> str | bytes | None:
        payload = filtered(self.channel, self.payload, bookmakers)
        if payload is None:
            return None
        body = {"channel": self.channel, "type": "UPDATE", "payload": payload, "ts": self.at, "entryId": self.entry_id}
        return encode(body, receive_type, self.channel)


def filtered(channel: str, payload: Json, bookmakers: frozenset[str] | None) -> Json | None:
    if channel not in GATED or bookmakers is None:
        return payload
    slugs = {slug: rows for slug, rows in payload[GATED[channel]].items() if slug in bookmakers}
    return payload | {GATED[channel]: slugs} if slugs else None


def encode(body: Json, receive_type: str, channel: str) -> str | bytes:
    if receive_type == "json":
        return orjson.dumps(body).decode()
    if receive_type == "binary":
        packed: bytes = msgpack.packb(body)
        return packed
    compressor = _compressor(channel if receive_type == "zstd-dict" else "")
    return compressor.compress(orjson.dumps(body))


@cache
def _compressor(channel: str) -> zstandard.ZstdCompressor:
    if channel not in DICTIONARY_CHANNELS:
        return zstandard.ZstdCompressor(write_content_size=False)
    return zstandard.ZstdCompressor(dict_data=dictionary(channel), write_content_size=False)


@cache
def dictionary(channel: str) -> zstandard.ZstdCompressionDict:
    """A dictionary trained on made-up payloads of the channel."""
    samples: list[bytes | bytearray | memoryview] = [orjson.dumps(_sample(channel, index)) for index in range(400)]
    return zstandard.train_dictionary(8192, samples, dict_id=DICTIONARY_CHANNELS[channel])


def dictionary_frames(channels: tuple[str, ...]) -> list[Json]:
    """The ``dict`` control frames of a ``zstd-dict`` connection."""
    return [
        {
            "type": "dict",
            "channel": channel,
            "dictVersion": 1,
            "dictId": DICTIONARY_CHANNELS[channel],
            "encoding": "base64",
            "data": base64.b64encode(dictionary(channel).as_bytes()).decode(),
        }
        for channel in channels
        if channel in DICTIONARY_CHANNELS
    ]


def _sample(channel: str, index: int) -> Json:
    fixture_id = f"id11000132{62926199 + index * 7919}"
    slug = ("vertex", "kalshi", "polymarket")[index % 3]
    row = {"bookmaker": slug, "outcomeId": 111 + index % 2, "playerId": 0, "price": 1.5 + index / 97, "active": True}
    row |= {"marketActive": True, "mainLine": True, "marketId": 111, "changedAt": 1788421025510 + index * 131}
    state = {"bookmaker": slug, "bookmakerFixtureId": str(index * 31), "hasOdds": True, "staleOdds": index % 5 == 0}
    state |= {"suspended": index % 7 == 0, "participantsRotated": False, "updatedAt": "2026-10-05T12:00:00.000Z"}
    body: Json = {"odds": {slug: {f"{fixture_id}:{slug}:{111 + index % 2}:0": row}}} if channel == "odds" else {}
    if channel == "bookmakers":
        body = {"bookmakers": {slug: state}}
    if channel == "fixtures":
        body = {"status": {"live": index % 2 == 0, "statusId": index % 3}, "startTime": 1788421025 + index * 60}
    payload = {"fixtureId": fixture_id, **body}
    return {"channel": channel, "type": "UPDATE", "payload": payload, "ts": 1788421025510 + index, "entryId": "0-0"}
