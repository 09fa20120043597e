"""Who signed this? Level-1 and order signatures are recovered, Level-2 HMACs recomputed (polymarket sheet, 4 and 5.1).

Written on eth-account's general typed-data encoder and sharing nothing with the adapter, so that both would have to be
wrong in the same way by two different routes.
"""

import base64
import hashlib
import hmac
import sys
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, _hash_eip191_message, encode_typed_data

sys.setrecursionlimit(1000)  # eth_account raises it a hundredfold: deeply nested JSON would end the process

CHAIN = 137
CTF_EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
V3_EXCHANGE = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
SESSION_TAIL = "6492" * 16

DOMAIN = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
ORDER = [
    {"name": name, "type": kind}
    for kind, name in (
        ("uint256", "salt"),
        ("address", "maker"),
        ("address", "signer"),
        ("uint256", "tokenId"),
        ("uint256", "makerAmount"),
        ("uint256", "takerAmount"),
        ("uint8", "side"),
        ("uint8", "signatureType"),
        ("uint256", "timestamp"),
        ("bytes32", "metadata"),
        ("bytes32", "builder"),
    )
]
NESTED = [
    {"name": "contents", "type": "Order"},
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
    {"name": "salt", "type": "bytes32"},
]
AUTH = [
    {"name": "address", "type": "address"},
    {"name": "timestamp", "type": "string"},
    {"name": "nonce", "type": "uint256"},
    {"name": "message", "type": "string"},
]


def exchange_of(asset_id: str, neg_risk: bool) -> tuple[str, str]:
    """The exchange and domain version this venue trades an asset on."""
    if (int(asset_id) >> 40) % (1 << 64) == 0:
        return V3_EXCHANGE, "3"
    return (NEG_RISK_EXCHANGE, "2") if neg_risk else (CTF_EXCHANGE, "2")


def _domain(exchange: str, version: str) -> dict[str, Any]:
    return {"name": "Polymarket CTF Exchange", "version": version, "chainId": CHAIN, "verifyingContract": exchange}


def _message(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "salt": int(order["salt"]),
        "maker": order["maker"],
        "signer": order["signer"],
        "tokenId": int(order["tokenId"]),
        "makerAmount": int(order["makerAmount"]),
        "takerAmount": int(order["takerAmount"]),
        "side": ("BUY", "SELL").index(order["side"]),
        "signatureType": int(order["signatureType"]),
        "timestamp": int(order["timestamp"]),
        "metadata": bytes.fromhex(order["metadata"][2:]),
        "builder": bytes.fromhex(order["builder"][2:]),
    }


def _typed(types: dict[str, Any], primary: str, domain: dict[str, Any], message: dict[str, Any]) -> SignableMessage:
    return encode_typed_data(
        full_message={"types": types, "primaryType": primary, "domain": domain, "message": message}
    )


def _plain(order: dict[str, Any], exchange: str, version: str) -> SignableMessage:
    types = {"EIP712Domain": DOMAIN, "Order": ORDER}
    return _typed(types, "Order", _domain(exchange, version), _message(order))


def digest_of(order: dict[str, Any], exchange: str, version: str) -> str:
    """The order's id."""
    return "0x" + bytes(_hash_eip191_message(_plain(order, exchange, version))).hex()


def _recover(message: SignableMessage, signature: bytes) -> str:
    return str(Account.recover_message(message, signature=signature))


def order_signer(order: dict[str, Any], exchange: str, version: str) -> str | None:
    """The key that signed the order; None when the signature is malformed or made for another domain (type 3)."""
    signature = order["signature"].removeprefix("0x")
    if int(order["signatureType"]) != 3:
        return _recover(_plain(order, exchange, version), bytes.fromhex(signature)) if len(signature) == 130 else None
    if signature.endswith(SESSION_TAIL):
        length = int(signature[128 + 64 : 256], 16)
        signature = signature[256 : 256 + 2 * length]
    return _nested_signer(order, exchange, version, bytes.fromhex(signature))


def _nested_signer(order: dict[str, Any], exchange: str, version: str, blob: bytes) -> str | None:
    plain = _plain(order, exchange, version)
    kind = "Order(" + ",".join(f"{item['type']} {item['name']}" for item in ORDER) + ")"
    tail = plain.header + plain.body + kind.encode() + len(kind).to_bytes(2, "big")
    if blob[65:] != tail:
        return None
    message = {
        "contents": _message(order),
        "name": "DepositWallet",
        "version": "1",
        "chainId": CHAIN,
        "verifyingContract": order["signer"],
        "salt": bytes(32),
    }
    types = {"EIP712Domain": DOMAIN, "Order": ORDER, "TypedDataSign": NESTED}
    return _recover(_typed(types, "TypedDataSign", _domain(exchange, version), message), blob[:65])


def auth_signer(address: str, signature: str, timestamp: str, nonce: int) -> str:
    """The key behind Level-1 headers."""
    message = {
        "address": address,
        "timestamp": timestamp,
        "nonce": nonce,
        "message": "This message attests that I control the given wallet",
    }
    domain = {"name": "ClobAuthDomain", "version": "1", "chainId": CHAIN}
    types = {"EIP712Domain": DOMAIN[:3], "ClobAuth": AUTH}
    return _recover(_typed(types, "ClobAuth", domain, message), bytes.fromhex(signature.removeprefix("0x")))


def request_mac(secret: str, timestamp: str, method: str, path: str, body: bytes) -> str:
    """The HMAC a Level-2 request must carry: query excluded, body bytes included."""
    key = base64.urlsafe_b64decode(secret + "===")
    code = hmac.new(key, (timestamp + method + path).encode(), hashlib.sha256)
    code.update(body)
    return base64.urlsafe_b64encode(code.digest()).decode()
