"""The three signed headers of every private call and of the socket handshake (kalshi sheet, section 3)."""

import base64
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from overround.venues import Unauthorised


class Signer:
    """Signs with an RSA (PSS, SHA-256, salt 32) or Ed25519 key, whichever the PEM text holds.

    ``clock`` gives epoch seconds. Nothing of the key appears in errors or in the repr.
    """

    def __init__(self, key_id: str, private_key_pem: str, clock: Callable[[], float]) -> None:
        self._key_id, self._clock = key_id, clock
        try:
            key = load_pem_private_key(private_key_pem.encode(), password=None)
        except (ValueError, TypeError):
            raise Unauthorised("kalshi", "private_key_pem is not a readable PEM key") from None
        if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise Unauthorised("kalshi", "private_key_pem must hold an RSA or an Ed25519 key")
        self._key = key

    def __repr__(self) -> str:
        return "Signer(kalshi)"

    def _sign(self, message: bytes) -> bytes:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        pss = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
        return self._key.sign(message, pss, SHA256())

    def headers(self, method: str, path: str) -> dict[str, str]:
        """Headers for one call made now. ``path`` starts at the host and may carry a query, which is not signed."""
        timestamp = str(int(self._clock() * 1000))
        message = timestamp + method.upper() + path.partition("?")[0]
        return {
            "KALSHI-ACCESS-KEY": self._key_id,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(self._sign(message.encode())).decode(),
            "KALSHI-ACCESS-TIMESTAMP": timestamp,
        }
