"""Throw-away credentials of the demo's accounts at the paper venues, made at the first start and kept."""

import json
import os
import secrets
import sys
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from eth_account import Account

sys.setrecursionlimit(1000)  # eth_account raises it a hundredfold: deeply nested JSON would end the process


@dataclass(frozen=True, slots=True)
class Credentials:
    """Everything the demo needs to trade on the paper venues. They protect nothing."""

    kalshi_key_id: str
    kalshi_private_key: str = field(repr=False)
    polymarket_private_key: str = field(repr=False)
    abp_key: str = field(repr=False)
    feed_key: str = field(repr=False)

    @property
    def kalshi_public_key(self) -> str:
        key = load_pem_private_key(self.kalshi_private_key.encode(), None)
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def polymarket_address(self) -> str:
        return str(Account.from_key(self.polymarket_private_key).address)


def load_credentials(path: Path) -> Credentials:
    """The saved credentials, made when there are none. Raises ``ValueError`` naming the file when it is damaged."""
    if path.exists():
        try:
            return Credentials(**json.loads(path.read_text()))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged ({error}); delete it and start afresh") from None
    made = _made()
    write_private(path, json.dumps(asdict(made), indent=2))
    return made


def write_private(path: Path, text: str) -> None:
    """Put a whole file in place that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def _made() -> Credentials:
    key = Ed25519PrivateKey.generate()
    return Credentials(
        kalshi_key_id=str(uuid.uuid4()),
        kalshi_private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        polymarket_private_key="0x" + secrets.token_hex(32),
        abp_key=secrets.token_hex(24),
        feed_key=secrets.token_hex(16),
    )
