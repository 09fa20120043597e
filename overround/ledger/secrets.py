"""Credentials at rest: AES-256-GCM under a key derived from the deployment's secret, bound to their account."""

import os

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12


class WrongSecretKey(Exception):
    """Stored credentials cannot be read with this OVERROUND_SECRET_KEY."""


def _cipher(secret_key: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, None, b"overround credentials").derive(secret_key.encode()))


def seal(secret_key: str, account_id: str, secrets: dict[str, str]) -> bytes:
    """Encrypt one account's secrets; the nonce is drawn, the account id authenticated."""
    nonce = os.urandom(NONCE)
    return nonce + _cipher(secret_key).encrypt(nonce, orjson.dumps(secrets), account_id.encode())


def unseal(secret_key: str, account_id: str, sealed: bytes) -> dict[str, str]:
    """The inverse of ``seal``; raises ``WrongSecretKey``."""
    try:
        plain = _cipher(secret_key).decrypt(sealed[:NONCE], sealed[NONCE:], account_id.encode())
    except (InvalidTag, ValueError) as error:
        raise WrongSecretKey(
            f"the credentials of {account_id} were sealed with another OVERROUND_SECRET_KEY"
        ) from error
    secrets: dict[str, str] = orjson.loads(plain)
    return secrets
