"""EIP-712 and HMAC signatures of Polymarket (polymarket sheet, sections 3 to 5.1).

Struct hashes are encoded here by hand: every field is one static 32-byte word, which is some fifty times faster than a
general typed-data encoder and leaves nothing to configure.
"""

import base64
import hashlib
import hmac
import sys
from dataclasses import dataclass
from typing import Literal

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.crypto import keccak

sys.setrecursionlimit(1000)  # eth_account raises it a hundredfold: deeply nested JSON would end the process

CHAIN_ID = 137
EXCHANGE_V2 = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE_V2 = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
ZERO_32 = "0x" + "00" * 32
DEPOSIT_WALLET = 3
ATTESTATION = "This message attests that I control the given wallet"
ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
NESTED_TYPE = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
AUTH_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId)"
AUTH_TYPE = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
SESSION_MAGIC = bytes.fromhex("6492" * 16)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Level-2 API credentials. ``api_key`` also names the owner of an order; the other two are secret."""

    api_key: str
    secret: str
    passphrase: str

    def __repr__(self) -> str:
        return f"Credentials(api_key={self.api_key!r})"


@dataclass(frozen=True, slots=True)
class OrderFields:
    """The signed struct: amounts in base units of 6 decimals, ``timestamp`` in epoch ms, ids as decimal strings."""

    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: int
    taker_amount: int
    side: Literal["BUY", "SELL"]
    signature_type: int
    timestamp: int
    metadata: str = ZERO_32
    builder: str = ZERO_32


def is_position_id(asset_id: str) -> bool:
    """True for an asset of a protocol-v2 market (section 1)."""
    return int(asset_id) & (((1 << 64) - 1) << 40) == 0


def decode_position_id(asset_id: str) -> tuple[str, int]:
    """Condition id (31 bytes, hex) and outcome index of a protocol-v2 position id (section 1)."""
    raw = int(asset_id).to_bytes(32, "big")
    return "0x" + raw[:-1].hex(), raw[-1]


def exchange_for(asset_id: str, neg_risk: bool) -> tuple[str, str]:
    """Exchange contract and domain version that an order for ``asset_id`` must be signed for (table of section 1)."""
    if is_position_id(asset_id):
        return EXCHANGE_V3, "3"
    return (NEG_RISK_EXCHANGE_V2 if neg_risk else EXCHANGE_V2), "2"


def _number(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _address(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")).rjust(32, b"\0")


def _bytes32(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")).rjust(32, b"\0")


def _text(value: str) -> bytes:
    return bytes(keccak(value.encode()))


def _hash(*words: bytes) -> bytes:
    return bytes(keccak(b"".join(words)))


def domain_separator(exchange: str, version: str) -> bytes:
    """The exchange domain of section 5.1."""
    return _hash(
        _text(DOMAIN_TYPE), _text("Polymarket CTF Exchange"), _text(version), _number(CHAIN_ID), _address(exchange)
    )


def struct_hash(order: OrderFields) -> bytes:
    """EIP-712 struct hash of an order."""
    return _hash(
        _text(ORDER_TYPE),
        _number(order.salt),
        _address(order.maker),
        _address(order.signer),
        _number(int(order.token_id)),
        _number(order.maker_amount),
        _number(order.taker_amount),
        _number(0 if order.side == "BUY" else 1),
        _number(order.signature_type),
        _number(order.timestamp),
        _bytes32(order.metadata),
        _bytes32(order.builder),
    )


def _digest(domain: bytes, struct: bytes) -> bytes:
    return _hash(b"\x19\x01", domain, struct)


def order_id(order: OrderFields, exchange: str, version: str) -> str:
    """The venue's id of the order, known before sending: its digest, for every signature type (section 5.1)."""
    return "0x" + _digest(domain_separator(exchange, version), struct_hash(order)).hex()


class Signer:
    """The wallet owner's key. It signs; it never shows itself."""

    def __init__(self, private_key: str) -> None:
        self._account: LocalAccount = Account.from_key(private_key)
        self.address: str = self._account.address

    def __repr__(self) -> str:
        return f"Signer({self.address})"

    def _sign(self, digest: bytes) -> bytes:
        return bytes(self._account.unsafe_sign_hash(Hash32(digest)).signature)

    def sign_order(self, order: OrderFields, exchange: str, version: str) -> str:
        """The wire signature: 65 bytes for types 0 to 2, the ERC-7739 nested form for deposit wallets (section 5.1)."""
        domain, contents = domain_separator(exchange, version), struct_hash(order)
        if order.signature_type != DEPOSIT_WALLET:
            return "0x" + self._sign(_digest(domain, contents)).hex()
        nested = _hash(
            _text(NESTED_TYPE),
            contents,
            _text("DepositWallet"),
            _text("1"),
            _number(CHAIN_ID),
            _address(order.signer),
            _bytes32(ZERO_32),
        )
        kind = ORDER_TYPE.encode()
        inner = self._sign(_digest(domain, nested))
        return "0x" + (inner + domain + contents + kind + len(kind).to_bytes(2, "big")).hex()

    def auth_headers(self, timestamp: int, nonce: int = 0) -> dict[str, str]:
        """Level-1 headers for creating or deriving API credentials (section 4). ``timestamp`` is unix seconds."""
        struct = _hash(
            _text(AUTH_TYPE), _address(self.address), _text(str(timestamp)), _number(nonce), _text(ATTESTATION)
        )
        domain = _hash(_text(AUTH_DOMAIN_TYPE), _text("ClobAuthDomain"), _text("1"), _number(CHAIN_ID))
        return {
            "POLY_ADDRESS": self.address,
            "POLY_SIGNATURE": "0x" + self._sign(_digest(domain, struct)).hex(),
            "POLY_TIMESTAMP": str(timestamp),
            "POLY_NONCE": str(nonce),
        }


def wrap_session_signature(session_signer: str, signature: str) -> str:
    """A deposit wallet's signature made by a session key: ``abi.encode(signer, 0, signature)`` and a magic tail."""
    blob = bytes.fromhex(signature.removeprefix("0x"))
    padded = blob + b"\0" * (-len(blob) % 32)
    head = _address(session_signer) + _bytes32(ZERO_32) + _number(96) + _number(len(blob))
    return "0x" + (head + padded + SESSION_MAGIC).hex()


def hmac_signature(secret: str, timestamp: int | str, method: str, path: str, body: str | None) -> str:
    """Level-2 signature over the path without query and the exact body (section 4). Unpadded secrets are padded."""
    key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    message = f"{timestamp}{method}{path}{body or ''}"
    return base64.urlsafe_b64encode(hmac.new(key, message.encode(), hashlib.sha256).digest()).decode()


def request_headers(
    address: str, credentials: Credentials, timestamp: int, method: str, path: str, body: str | None
) -> dict[str, str]:
    """Level-2 headers of one request (section 4). ``address`` is the owner's key, for every signature type."""
    return {
        "POLY_ADDRESS": address,
        "POLY_SIGNATURE": hmac_signature(credentials.secret, timestamp, method, path, body),
        "POLY_TIMESTAMP": str(timestamp),
        "POLY_API_KEY": credentials.api_key,
        "POLY_PASSPHRASE": credentials.passphrase,
    }
