"""What an account of each venue needs, checked before it is stored. No message holds a value that was given.

Source of the names: the adapters, which read exactly these (a test compares them).
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from overround.venues import Account

Check = Callable[[str], bool]
DECIMAL = re.compile(r"\d{1,9}(\.\d{1,6})?")
HEX_32 = re.compile(r"(0x)?[0-9a-fA-F]{64}")
KALSHI_TIERS = ("basic", "advanced", "expert", "premier", "paragon", "prime", "prestige")
HEX_20 = re.compile(r"0x[0-9a-fA-F]{40}")


class UnusableAccount(ValueError):
    """An account that its venue's adapter could not use; ``where`` is the path to what is wrong."""

    def __init__(self, message: str, *where: str) -> None:
        super().__init__(message)
        self.where = where


def _anything(value: str) -> bool:
    return bool(value)


def _number(value: str) -> bool:
    return DECIMAL.fullmatch(value) is not None and any(digit in "123456789" for digit in value)


def _private_key(value: str) -> bool:
    try:
        key = load_pem_private_key(value.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey)


@dataclass(frozen=True, slots=True)
class Needs:
    """Names that must be there, with what their values must be; ``extra`` secrets and ``options`` may be there."""

    endpoints: tuple[str, ...]
    secrets: Mapping[str, Check]
    extra: Mapping[str, Check] = field(default_factory=dict)
    options: Mapping[str, Check] = field(default_factory=dict)


EXCHANGES: Mapping[str, Needs] = {
    "kalshi": Needs(
        ("rest", "ws"),
        {"key_id": _anything, "private_key_pem": _private_key},
        options={"tier": lambda value: value in KALSHI_TIERS},
    ),
    "polymarket": Needs(
        ("clob", "gamma", "data", "user_ws", "market_ws"),
        {"private_key": lambda value: HEX_32.fullmatch(value) is not None},
        {"api_key": _anything, "secret": _anything, "passphrase": _anything},
        {
            "signature_type": lambda value: value in ("0", "1", "2", "3"),
            "funder": lambda value: HEX_20.fullmatch(value) is not None,
            "builder": lambda value: HEX_32.fullmatch(value) is not None,
            "timeout": _number,
            "ping": _number,
            "silence": _number,
        },
    ),
}
ROUTES: Mapping[str, Needs] = {
    "abp": Needs(
        ("rest", "ws"),
        {"api_key": _anything},
        options=dict.fromkeys(("rate", "timeout", "ping_seconds", "idle_seconds"), _number),
    )
}


def check(account: Account, venues: Mapping[str, Needs]) -> None:
    """Raise ``UnusableAccount`` unless a venue of ``venues`` could use this account."""
    needs = venues.get(account.venue)
    if needs is None:
        raise UnusableAccount(f"no adapter of that name; known: {', '.join(sorted(venues))}", "venue")
    _names(account, "endpoints", account.endpoints, needs.endpoints, needs.endpoints)
    _names(account, "secrets", account.secrets, needs.secrets, (*needs.secrets, *needs.extra))
    _names(account, "options", account.options, (), needs.options)
    _values("endpoints", account.endpoints, dict.fromkeys(needs.endpoints, _address))
    _values("secrets", account.secrets, {**needs.secrets, **needs.extra})
    _values("options", account.options, needs.options)


def _names(
    account: Account, table: str, given: Mapping[str, str], needed: Iterable[str], known: Collection[str]
) -> None:
    """A name that is not ours is not repeated: it may be a secret in the wrong place."""
    missing = [name for name in needed if name not in given]
    if missing:
        raise UnusableAccount(f"{account.venue} accounts need {missing[0]}", table, missing[0])
    if set(given) - set(known):
        message = f"there is a name that {account.venue} accounts do not have; known: {', '.join(known) or 'none'}"
        raise UnusableAccount(message, table)


def _values(table: str, given: Mapping[str, str], checks: Mapping[str, Check]) -> None:
    wrong = [name for name, value in given.items() if not checks[name](value)]
    if wrong:
        raise UnusableAccount(f"{wrong[0]} is not usable", table, wrong[0])


def _address(value: str) -> bool:
    """An absolute URL without a user in it: credentials do not belong into addresses, which are shown."""
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https", "ws", "wss") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
