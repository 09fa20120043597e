"""Checks the three signed headers (kalshi sheet, section 3). Written apart from the adapter's signer on purpose."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from overround.paper.kalshi.wire import ApiError

LONGEST_STAMP = 15
"""Digits of a time in milliseconds."""
ALL_SCOPES = frozenset({"read", "write"})


def genuine(public_key_pem: str, message: str, signature_b64: str) -> bool:
    """Whether the signature of ``message`` was made with the key: RSA-PSS (SHA-256, salt 32) or Ed25519."""
    key = load_pem_public_key(public_key_pem.encode())
    try:
        signature = base64.b64decode(signature_b64, validate=True)
        if isinstance(key, RSAPublicKey):
            key.verify(signature, message.encode(), PSS(MGF1(hashes.SHA256()), 32), hashes.SHA256())
        elif isinstance(key, Ed25519PublicKey):
            key.verify(signature, message.encode())
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a request and what the key may do."""

    key_id: str
    account: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        if scope not in self.scopes:
            raise ApiError(403, "insufficient_scope", f"the key lacks the {scope} scope")


class Keyring:
    """Registered keys. ``skew`` is how many seconds a timestamp may differ from this clock."""

    def __init__(
        self,
        keys: Mapping[str, tuple[str, str]],
        scopes: Mapping[str, frozenset[str]],
        clock: Callable[[], float],
        skew: float,
    ) -> None:
        self._keys, self._scopes, self._clock, self._skew = keys, scopes, clock, skew

    def caller(self, headers: Mapping[str, str], method: str, path: str) -> Caller:
        """The signer of a request; ``ApiError`` 401 for anything wrong with key, clock or signature."""
        key_id = headers.get("kalshi-access-key", "")
        stamp = headers.get("kalshi-access-timestamp", "")
        if key_id not in self._keys:
            raise ApiError(401, "authentication_error", "unknown API key")
        known = stamp.isascii() and stamp.isdigit() and len(stamp) <= LONGEST_STAMP
        if not known or abs(self._clock() - int(stamp) / 1000) > self._skew:
            raise ApiError(401, "authentication_error", "timestamp is missing or too far from server time")
        public_key_pem, account = self._keys[key_id]
        if not genuine(public_key_pem, stamp + method + path, headers.get("kalshi-access-signature", "")):
            raise ApiError(401, "authentication_error", "signature does not verify")
        return Caller(key_id, account, self._scopes.get(key_id, ALL_SCOPES))
