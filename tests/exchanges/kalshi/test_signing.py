"""Signatures: every vector, both ways, by two implementations that share nothing."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from overround.exchanges.kalshi.signing import Signer
from overround.paper.kalshi.auth import Keyring, genuine
from overround.paper.kalshi.wire import ApiError
from overround.venues import Unauthorised
from tests.exchanges.kalshi.desk import ED25519, KEY_ID, RSA, VECTORS


def _after_host(url: str) -> str:
    return url if url.startswith("/") else "/" + url.split("/", 3)[3]


@pytest.mark.parametrize("case", VECTORS["signing"], ids=lambda case: str(case["name"]))
def test_vector_is_reproduced(case: dict[str, Any]) -> None:
    keys = VECTORS["keys"][case["key"]]
    signer = Signer(KEY_ID, keys["test_private_key_pem"], lambda: case["timestamp_ms"] / 1000)
    headers = signer.headers(case["method"], _after_host(case["input_url"]))
    expected = case["headers"]
    assert headers["KALSHI-ACCESS-KEY"] == expected["KALSHI-ACCESS-KEY"]
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == expected["KALSHI-ACCESS-TIMESTAMP"]
    assert genuine(keys["public_key_pem"], case["message"], headers["KALSHI-ACCESS-SIGNATURE"])
    assert genuine(keys["public_key_pem"], case["message"], expected["KALSHI-ACCESS-SIGNATURE"]) is case["verifies"]
    if case["deterministic"]:
        assert headers["KALSHI-ACCESS-SIGNATURE"] == expected["KALSHI-ACCESS-SIGNATURE"]


@pytest.mark.parametrize("case", VECTORS["signing_negative"], ids=lambda case: str(case["name"]))
def test_venue_refuses_a_signature_of_something_else(case: dict[str, Any]) -> None:
    public = VECTORS["keys"][case["key"]]["public_key_pem"]
    assert genuine(public, case["message"], case["signature_b64"]) is case["verifies"] is False


def test_pkcs1_key_signs_like_pkcs8() -> None:
    key = load_pem_private_key(RSA["test_private_key_pem"].encode(), None)
    pkcs1 = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert "BEGIN RSA" in pkcs1
    headers = Signer(KEY_ID, pkcs1, lambda: 1.0).headers("GET", "/a")
    assert genuine(RSA["public_key_pem"], "1000GET/a", headers["KALSHI-ACCESS-SIGNATURE"])


def test_unreadable_key_is_refused_without_showing_it() -> None:
    with pytest.raises(Unauthorised, match="not a readable PEM key") as caught:
        Signer(KEY_ID, "-----BEGIN PRIVATE KEY-----\nsecretsecret\n-----END PRIVATE KEY-----\n", lambda: 1.0)
    assert "secretsecret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_repr_shows_no_key() -> None:
    assert repr(Signer(KEY_ID, RSA["test_private_key_pem"], lambda: 1.0)) == "Signer(kalshi)"


def _ring(now: float) -> Keyring:
    return Keyring({KEY_ID: (ED25519["public_key_pem"], "maker")}, {}, lambda: now, 5.0)


def _headers(at: float) -> dict[str, str]:
    made = Signer(KEY_ID, ED25519["test_private_key_pem"], lambda: at).headers("GET", "/a")
    return {name.lower(): value for name, value in made.items()}


def test_timestamp_within_five_seconds_is_accepted() -> None:
    assert _ring(1000.0).caller(_headers(995.5), "GET", "/a").account == "maker"


@pytest.mark.parametrize("at", [994.0, 1006.0])
def test_stale_or_future_timestamp_is_refused(at: float) -> None:
    with pytest.raises(ApiError, match="timestamp"):
        _ring(1000.0).caller(_headers(at), "GET", "/a")


@pytest.mark.parametrize(
    "change",
    [
        {"kalshi-access-key": "somebody-else"},
        {"kalshi-access-signature": "not base64!"},
        {"kalshi-access-signature": base64.b64encode(b"x" * 64).decode()},
        {"kalshi-access-timestamp": "soon"},
        {"kalshi-access-timestamp": ""},
    ],
)
def test_broken_header_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ApiError) as caught:
        _ring(1000.0).caller(_headers(1000.0) | change, "GET", "/a")
    assert caught.value.status == 401
