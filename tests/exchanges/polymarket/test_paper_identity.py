"""The paper venue's own signature code accepts every vector and nothing that differs from one."""

import json
from typing import Any

import pytest

from overround.paper.polymarket.identity import auth_signer, digest_of, exchange_of, order_signer, request_mac
from tests.exchanges.polymarket.vectors import ADDRESS, CREDENTIALS, SECONDS, names, vectors


def wire_order(vector: Any) -> dict[str, Any]:
    return dict(json.loads(vector["expected"]["request"]["body"])["order"])


@pytest.mark.parametrize("vector", vectors("l1_headers"), ids=names("l1_headers"))
def test_level_one_signer_is_recovered(vector: Any) -> None:
    headers = vector["expected"]["headers"]
    signature, nonce = headers["POLY_SIGNATURE"], int(headers["POLY_NONCE"])
    assert auth_signer(ADDRESS, signature, str(SECONDS), nonce) == ADDRESS
    assert auth_signer(ADDRESS, signature, str(SECONDS + 1), nonce) != ADDRESS
    assert auth_signer(ADDRESS, signature, str(SECONDS), nonce + 1) != ADDRESS


@pytest.mark.parametrize("vector", vectors("http_request"), ids=names("http_request"))
def test_level_two_mac_is_recomputed(vector: Any) -> None:
    expected = vector["expected"]
    body = (expected["body"] or "").encode()
    made = request_mac(CREDENTIALS["secret"], str(SECONDS), expected["method"], expected["path"], body)
    assert made == expected["headers"]["POLY_SIGNATURE"]


def test_bare_mac() -> None:
    (vector,) = vectors("hmac")
    given = vector["input"]
    made = request_mac(given["secret"], given["timestamp"], given["method"], given["path"], given["body"].encode())
    assert made == vector["expected"]["signature"]


@pytest.mark.parametrize("vector", vectors("order"), ids=names("order"))
def test_order_signer_and_digest(vector: Any) -> None:
    order, expected = wire_order(vector), vector["expected"]
    exchange, version = exchange_of(order["tokenId"], vector["input"]["neg_risk"])
    assert (exchange, version) == (expected["exchange"], expected["typed_data"]["domain"]["version"])
    assert digest_of(order, exchange, version) == expected["order_id"]
    assert order_signer(order, exchange, version) == ADDRESS


@pytest.mark.parametrize("vector", vectors("order"), ids=names("order"))
def test_request_mac_of_an_order_covers_its_exact_bytes(vector: Any) -> None:
    request = vector["expected"]["request"]
    made = request_mac(CREDENTIALS["secret"], str(SECONDS), "POST", request["path"], request["body"].encode())
    assert made == request["l2_headers"]["POLY_SIGNATURE"]
    spaced = json.dumps(json.loads(request["body"])).encode()
    assert request_mac(CREDENTIALS["secret"], str(SECONDS), "POST", request["path"], spaced) != made


@pytest.mark.parametrize(
    "vector", [v for v in vectors("order") if "poly1271" in v["expected"]], ids=lambda vector: str(vector["id"])
)
def test_session_key_wrapping_is_unwrapped(vector: Any) -> None:
    order = wire_order(vector)
    order["signature"] = vector["expected"]["poly1271"]["session_signer_wrapped_signature"]
    exchange, version = exchange_of(order["tokenId"], vector["input"]["neg_risk"])
    assert order_signer(order, exchange, version) == ADDRESS


@pytest.mark.parametrize("field", ["makerAmount", "takerAmount", "timestamp", "salt", "builder"])
@pytest.mark.parametrize("kind", ["order-eoa-buy-gtc", "order-deposit-buy-gtc"])
def test_changing_any_signed_field_breaks_the_signature(kind: str, field: str) -> None:
    vector = next(v for v in vectors("order") if v["id"] == kind)
    order = wire_order(vector)
    order[field] = "0x" + "11" * 32 if field == "builder" else type(order[field])(int(order[field]) + 1)
    exchange, version = exchange_of(order["tokenId"], vector["input"]["neg_risk"])
    assert order_signer(order, exchange, version) != ADDRESS


@pytest.mark.parametrize("kind", ["order-eoa-buy-gtc", "order-deposit-buy-gtc"])
def test_signature_for_another_exchange_is_not_ours(kind: str) -> None:
    vector = next(v for v in vectors("order") if v["id"] == kind)
    order = wire_order(vector)
    exchange, version = exchange_of(order["tokenId"], not vector["input"]["neg_risk"])
    assert order_signer(order, exchange, version) != ADDRESS
