"""Exact numbers and times in JSON, and what the outbox refuses."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from overround.ledger.encoding import dumps, instant, number
from overround.ledger.events import changed, emergency_payload
from overround.ledger.keys import BadKey, canonical, digest, store_key

KEY = "a81bc81b-dead-4e5d-abff-90865d1e13b1"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_a_decimal_survives_json_digit_for_digit(value: Decimal) -> None:
    assert json.loads(dumps([value]), parse_float=Decimal, parse_int=Decimal) == [value]


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        ("0.10", "0.1"),
        ("100.0", "100"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("1E-9", "0.000000001"),
        ("0.000", "0"),
        ("-0.0", "0"),
        ("-1.50", "-1.5"),
        ("0E-20", "0"),
    ],
)
def test_numbers_are_plain_digits(value: str, digits: str) -> None:
    assert number(Decimal(value)) == digits


@pytest.mark.parametrize("bad", [0.1, [0.1], {"x": ({"y": 0.1},)}, Decimal("NaN"), Decimal("Infinity"), b"x", object()])
def test_what_has_no_exact_form_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError):
        dumps({"value": bad})


def test_times_are_utc_whatever_zone_they_came_in() -> None:
    here = datetime(2026, 2, 15, 13, 30, 0, 250000, tzinfo=timezone(timedelta(hours=3)))
    assert instant(here) == "2026-02-15T10:30:00.250000Z"
    assert dumps({"at": here, "day": date(2026, 2, 15)}) == b'{"at":"2026-02-15T10:30:00.250000Z","day":"2026-02-15"}'


def test_only_what_changed_is_remembered() -> None:
    assert changed({"a": 1, "b": Decimal("1.0"), "c": 3}, {"a": 1, "b": Decimal(1), "c": 4}) == {"c": 3}


def test_the_emergency_object_counts_from_when_it_began() -> None:
    now = datetime(2026, 2, 15, 12, 0, 0, tzinfo=UTC)
    gate = {
        "emergency": True,
        "stopped": False,
        "paused": False,
        "soft_paused": False,
        "system_reason": "fire",
        "system_since": now - timedelta(seconds=1.5),
    }
    shown = emergency_payload(gate, now)
    assert (shown["emergencyActive"], shown["systemReason"]) == (True, "fire")
    assert shown["systemDurationSeconds"] == Decimal("1.5")
    assert emergency_payload(gate | {"emergency": False}, now)["systemReason"] is None


def test_a_digest_depends_on_the_pepper_and_not_on_the_case() -> None:
    assert digest(KEY, SecretStr("a")) == digest(KEY.upper(), SecretStr("a")) != digest(KEY, SecretStr("b"))
    assert len(digest(KEY, SecretStr("a"))) == 32


@pytest.mark.parametrize(
    "bad", ["", "x", KEY[:-1], KEY + "0", KEY.replace("-", ""), "{" + KEY + "}", "urn:uuid:" + KEY]
)
def test_only_the_plain_form_of_a_uuid_is_a_key_and_a_bad_one_is_not_repeated(bad: str) -> None:
    with pytest.raises(BadKey) as refused:
        canonical(bad)
    assert not bad or bad not in str(refused.value)


@pytest.mark.parametrize(("kind", "client"), [("client", None), ("operator", "demo")])
async def test_a_key_is_a_clients_or_an_operators_not_both(kind: Any, client: str | None) -> None:
    with pytest.raises(ValueError, match="names"):
        await store_key(None, SecretStr("a"), KEY, kind, client)  # type: ignore[arg-type]
