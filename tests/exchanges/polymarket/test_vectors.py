"""The adapter reproduces every golden vector of the polymarket sheet."""

import json
from decimal import Decimal
from typing import Any

import pytest
from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_keys.main import KeyAPI

from overround.exchanges.polymarket.amounts import fit_spend, limit_amounts, market_amounts, taker_fee
from overround.exchanges.polymarket.signing import (
    Credentials,
    OrderFields,
    Signer,
    decode_position_id,
    domain_separator,
    exchange_for,
    hmac_signature,
    is_position_id,
    order_id,
    request_headers,
    struct_hash,
    wrap_session_signature,
)
from overround.exchanges.polymarket.wallets import derive_wallets
from tests.exchanges.polymarket.vectors import ADDRESS, CREDENTIALS, DOCUMENT, KEY, SECONDS, names, vectors

CREDS = Credentials(CREDENTIALS["apiKey"], CREDENTIALS["secret"], CREDENTIALS["passphrase"])


def test_every_kind_of_vector_has_a_test() -> None:
    tested = {"l1_headers", "hmac", "http_request", "order", "amounts", "position_id", "wallets", "fee"}
    assert {vector["kind"] for vector in DOCUMENT["vectors"]} == tested
    assert len(DOCUMENT["vectors"]) == 29


def test_signatures_use_the_fast_backend() -> None:
    """Without coincurve a signature costs 7 ms of pure Python, silently."""
    assert isinstance(KeyAPI().backend, CoinCurveECCBackend)


@pytest.mark.parametrize("vector", vectors("l1_headers"), ids=names("l1_headers"))
def test_level_one_headers(vector: Any) -> None:
    nonce = vector["input"]["typed_data"]["message"]["nonce"]
    assert Signer(KEY).auth_headers(SECONDS, nonce) == vector["expected"]["headers"]


def test_bare_hmac() -> None:
    (vector,) = vectors("hmac")
    given = vector["input"]
    made = hmac_signature(given["secret"], given["timestamp"], given["method"], given["path"], given["body"])
    assert made == vector["expected"]["signature"]


def test_a_secret_without_padding_signs_the_same() -> None:
    assert CREDS.secret.endswith("=") or len(CREDS.secret) % 4 == 0
    padded = hmac_signature("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1, "GET", "/x", None)
    assert hmac_signature("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 1, "GET", "/x", None) == padded


@pytest.mark.parametrize("vector", vectors("http_request"), ids=names("http_request"))
def test_level_two_headers(vector: Any) -> None:
    expected = vector["expected"]
    made = request_headers(ADDRESS, CREDS, SECONDS, expected["method"], expected["path"], expected["body"])
    assert made == expected["headers"]


def order_fields(vector: Any) -> OrderFields:
    given, expected = vector["input"], vector["expected"]
    return OrderFields(
        salt=int(given["salt"]),
        maker=expected["maker"],
        signer=expected["signer"],
        token_id=given["asset_id"],
        maker_amount=int(expected["makerAmount"]),
        taker_amount=int(expected["takerAmount"]),
        side=given["side"],
        signature_type=given["signatureType"],
        timestamp=int(given["timestamp_ms"]),
        metadata=given["metadata"],
        builder=given["builder"],
    )


@pytest.mark.parametrize("vector", vectors("order"), ids=names("order"))
def test_order_digest_and_signature(vector: Any) -> None:
    given, expected, order = vector["input"], vector["expected"], order_fields(vector)
    exchange, version = exchange_for(given["asset_id"], given["neg_risk"])
    assert exchange == expected["exchange"]
    assert version == expected["typed_data"]["domain"]["version"]
    assert "0x" + domain_separator(exchange, version).hex() == expected["domain_separator"]
    assert "0x" + struct_hash(order).hex() == expected["struct_hash"]
    assert order_id(order, exchange, version) == expected["order_id"]
    signature = Signer(KEY).sign_order(order, exchange, version)
    assert signature == expected["signature"]
    if "poly1271" in expected:
        wrapped = wrap_session_signature(ADDRESS, signature)
        assert wrapped == expected["poly1271"]["session_signer_wrapped_signature"]


@pytest.mark.parametrize("vector", vectors("order"), ids=names("order"))
def test_order_amounts_and_request_headers(vector: Any) -> None:
    given, expected = vector["input"], vector["expected"]
    tick, price = Decimal(given["tick_size"]), Decimal(given["price"])
    if "size" in given:
        made = limit_amounts(given["side"], tick, price, Decimal(given["size"]))
    else:
        made = market_amounts(given["side"], tick, price, Decimal(given["amount"]))
    assert made == (int(expected["makerAmount"]), int(expected["takerAmount"]))
    request = expected["request"]
    headers = request_headers(ADDRESS, CREDS, SECONDS, request["method"], request["path"], request["body"])
    assert headers == request["l2_headers"]


def test_amounts_table() -> None:
    (vector,) = vectors("amounts")
    for row in vector["expected"]:
        compute = limit_amounts if row["kind"] == "limit" else market_amounts
        made = compute(row["side"], Decimal(row["tick"]), Decimal(row["price"]), Decimal(row["size_or_amount"]))
        assert made == (int(row["makerAmount"]), int(row["takerAmount"])), row


def test_position_ids() -> None:
    (vector,) = vectors("position_id")
    given, expected = vector["input"], vector["expected"]
    assert is_position_id(given["position_id"]) is expected["position_id_is_v2"]
    assert is_position_id(given["ctf_token_id"]) is expected["ctf_token_is_v2"]
    assert decode_position_id(given["position_id"]) == (expected["condition_id"], expected["outcome_index"])


def test_wallet_derivation() -> None:
    (vector,) = vectors("wallets")
    made, expected = derive_wallets(vector["input"]["owner"]), vector["expected"]
    assert (made.proxy, made.safe) == (expected["proxy"], expected["safe"])
    assert (made.deposit, made.deposit_uups) == (expected["deposit_beacon"], expected["deposit_uups"])


def test_taker_fee_table() -> None:
    vector = next(v for v in vectors("fee") if v["id"] == "taker-fee")
    for row in vector["expected"]:
        fee = taker_fee(Decimal(row["shares"]), Decimal(row["price"]), Decimal(row["rate"]), Decimal(row["exponent"]))
        assert str(fee) == row["fee_5dp"]


def test_market_buy_shrinks_to_pay_its_fee() -> None:
    vector = next(v for v in vectors("fee") if v["id"] == "market-buy-fee-adjust")
    for row in vector["expected"]:
        made = fit_spend(
            Decimal(row["amount"]),
            Decimal(row["price"]),
            Decimal(row["max_spend"]),
            Decimal(row["fee_rate"]),
            Decimal(row["exponent"]),
            Decimal(row["builder_taker_fee_rate"]),
        )
        assert made == Decimal(row["adjusted_amount"])


def test_secrets_stay_out_of_reprs() -> None:
    assert CREDS.secret not in repr(CREDS)
    assert CREDS.passphrase not in repr(CREDS)
    assert KEY.removeprefix("0x") not in repr(Signer(KEY))


def test_request_bodies_are_json_arrays_of_single_orders() -> None:
    batch = next(v for v in vectors("http_request") if v["id"] == "post-batch")
    bodies = [v["expected"]["request"]["body"] for v in vectors("order")]
    parts = json.loads(batch["expected"]["body"])
    rebuilt = "[" + ",".join(json.dumps(part, separators=(",", ":")) for part in parts) + "]"
    assert rebuilt == batch["expected"]["body"]
    assert all(json.dumps(part, separators=(",", ":")) in bodies for part in parts)


def test_signing_leaves_the_recursion_limit_alone() -> None:
    """A library it imports raises the limit so far that deeply nested JSON would end the process."""
    import subprocess
    import sys

    code = "import sys, overround.exchanges.polymarket.signing; print(sys.getrecursionlimit())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) <= 1000
