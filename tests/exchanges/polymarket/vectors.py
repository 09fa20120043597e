"""The golden vectors of the polymarket sheet, by kind."""

import json
from pathlib import Path
from typing import Any

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "polymarket.json").read_text())
KEY: str = DOCUMENT["signer"]["private_key"]
ADDRESS: str = DOCUMENT["signer"]["address"]
CREDENTIALS: dict[str, str] = DOCUMENT["api_credentials"]
SECONDS: int = DOCUMENT["clock"]["l1_l2_timestamp_seconds"]


def vectors(kind: str) -> list[Any]:
    """Every vector of one kind."""
    return [vector for vector in DOCUMENT["vectors"] if vector["kind"] == kind]


def names(kind: str) -> list[str]:
    return [vector["id"] for vector in vectors(kind)]
