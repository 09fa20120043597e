"""What a client's id says: ``demo:vertex`` is the client demo, hedged at the bookmaker vertex; a simple ``vertex`` is
both (mm-api sheet, section 8.5)."""

import re
from dataclasses import dataclass

GLOBAL = "global"
"""The scope of what concerns everybody: a client of this name could stop them all."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
BOOKMAKER = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


class BadClient(ValueError):
    """Text that cannot be a client's id; the message says why."""


@dataclass(frozen=True, slots=True)
class ClientId:
    """An id and its two halves: who, and the bookmaker's slug."""

    client: str
    name: str
    bookmaker: str


def parse_client(text: str) -> ClientId:
    """Split at the first ``:``; slugs may hold ``.`` and ``-`` but no ``:``. Raises ``BadClient``."""
    name, colon, slug = text.partition(":")
    bookmaker = slug if colon else name
    if name.lower() == GLOBAL:
        raise BadClient(f"{GLOBAL} is not a client: it means everybody")
    if not NAME.fullmatch(name):
        raise BadClient("a client's name has letters, digits, '.', '_' and '-', at most 63 of them")
    if not BOOKMAKER.fullmatch(bookmaker):
        raise BadClient("a bookmaker's slug has small letters, digits, '.' and '-', at most 63 of them, and no ':'")
    return ClientId(text, name, bookmaker)
