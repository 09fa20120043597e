"""Traders of the paper Polymarket, their wallets and their API keys (polymarket sheet, sections 3 and 4)."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from starlette.requests import Request

from overround.paper.polymarket.answers import Denied
from overround.paper.polymarket.identity import auth_signer, request_mac
from overround.paper.store import Store

CLOCK_SKEW_SECONDS = 60
LONGEST_STAMP = 12
"""Digits of a time in seconds."""
STORED_AS = "polymarket-key"


@dataclass(frozen=True, slots=True)
class Trader:
    """A wallet owner: ``address`` is the signing key's, ``wallets`` the funding wallet of each other signature type."""

    account: str
    address: str
    cash: Decimal
    wallets: dict[int, str] = field(default_factory=dict)

    def wallet(self, signature_type: int) -> str | None:
        return self.address if signature_type == 0 else self.wallets.get(signature_type)

    def holds(self, wallet: str) -> bool:
        return wallet.lower() in {owned.lower() for owned in (self.address, *self.wallets.values())}


@dataclass(frozen=True, slots=True)
class ApiKey:
    key: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)
    address: str = ""


def _draw(address: str, nonce: int, what: str) -> bytes:
    return hashlib.sha256(f"paper-polymarket:{what}:{address.lower()}:{nonce}".encode()).digest()


def _made(address: str, nonce: int) -> ApiKey:
    return ApiKey(
        str(uuid.UUID(bytes=_draw(address, nonce, "key")[:16])),
        base64.urlsafe_b64encode(_draw(address, nonce, "secret")).decode(),
        _draw(address, nonce, "passphrase").hex(),
        address,
    )


class Accounts:
    """Every trader and key. ``now`` is wall-clock seconds: signatures live on it whatever the world's clock does."""

    def __init__(self, traders: list[Trader], store: Store, now: Callable[[], float]) -> None:
        self._store, self._now = store, now
        self.traders = {trader.address.lower(): trader for trader in traders}
        self._by_account = {trader.account: trader for trader in traders}
        self._keys: dict[str, ApiKey] = {}
        for name, _ in store.all(STORED_AS):
            address, nonce = name.split(":")
            self._add(_made(address, int(nonce)))

    def _add(self, key: ApiKey) -> None:
        self._keys[key.key] = key

    def owner_key(self, account: str) -> str:
        """The API key shown as owner of an account's orders; the nil key for traders that are not clients."""
        trader = self._by_account.get(account)
        found = [key for key in self._keys.values() if trader and key.address.lower() == trader.address.lower()]
        return found[0].key if found else str(uuid.UUID(int=0))

    # -- level 1 ----------------------------------------------------------------------------------------------------

    def _wallet_owner(self, request: Request) -> tuple[Trader, int]:
        headers = request.headers
        try:
            address, signature = headers["POLY_ADDRESS"], headers["POLY_SIGNATURE"]
            stamp, nonce = headers["POLY_TIMESTAMP"], int(headers.get("POLY_NONCE", "0"))
            signer = auth_signer(address, signature, stamp, nonce)
        except Exception as error:  # whatever the recovery makes of such headers
            raise Denied("Invalid L1 Request headers") from error
        if signer.lower() != address.lower() or self._late(stamp):
            raise Denied("Invalid L1 Request headers")
        trader = self.traders.get(address.lower())
        if trader is None:
            raise Denied("Could not create api key", 400)
        return trader, nonce

    def _late(self, stamp: str) -> bool:
        known = stamp.isascii() and stamp.isdigit() and len(stamp) <= LONGEST_STAMP
        return not known or abs(self._now() - int(stamp)) > CLOCK_SKEW_SECONDS

    def create(self, request: Request) -> ApiKey:
        trader, nonce = self._wallet_owner(request)
        key = _made(trader.address, nonce)
        if key.key in self._keys:
            raise Denied("Could not create api key", 400)
        self._add(key)
        self._store.put(STORED_AS, f"{trader.address}:{nonce}", {"key": key.key})
        self._store.commit()
        return key

    def derive(self, request: Request) -> ApiKey:
        trader, nonce = self._wallet_owner(request)
        key = _made(trader.address, nonce)
        if key.key not in self._keys:
            raise Denied("Could not derive api key!", 400)
        return key

    # -- level 2 ----------------------------------------------------------------------------------------------------

    async def client(self, request: Request) -> tuple[Trader, ApiKey]:
        """The trader behind a private request. Raises ``Denied`` for a bad key, passphrase, signature or clock."""
        headers = request.headers
        key = self._keys.get(headers.get("POLY_API_KEY", ""))
        if key is None or headers.get("POLY_PASSPHRASE") != key.passphrase:
            raise Denied("Unauthorized/Invalid api key")
        if headers.get("POLY_ADDRESS", "").lower() != key.address.lower():
            raise Denied("Unauthorized/Invalid api key")
        stamp = headers.get("POLY_TIMESTAMP", "")
        expected = request_mac(key.secret, stamp, request.method, request.url.path, await request.body())
        good = hmac.compare_digest(expected.encode(), headers.get("POLY_SIGNATURE", "").encode())
        if not good or self._late(stamp):
            raise Denied("Invalid L1 Request headers")
        return self.traders[key.address.lower()], key

    def socket_client(self, auth: object) -> Trader | None:
        """The trader behind a user socket's first frame."""
        if not isinstance(auth, dict):
            return None
        key = self._keys.get(str(auth.get("apiKey")))
        if key is None or auth.get("secret") != key.secret or auth.get("passphrase") != key.passphrase:
            return None
        return self.traders[key.address.lower()]

    def keys_of(self, trader: Trader) -> list[str]:
        return [key.key for key in self._keys.values() if key.address.lower() == trader.address.lower()]

    def revoke(self, key: ApiKey) -> None:
        self._keys.pop(key.key, None)
        for name, body in list(self._store.all(STORED_AS)):
            if body == {"key": key.key}:
                self._store.delete(STORED_AS, name)
        self._store.commit()
