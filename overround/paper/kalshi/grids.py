"""Named price structures and whether a price is on one (kalshi sheet, section 4)."""

from decimal import Decimal

Ranges = list[dict[str, str]]


def _range(start: str, end: str, step: str) -> dict[str, str]:
    return {"start": start, "end": end, "step": step}


STRUCTURES: dict[str, Ranges] = {
    "linear_cent": [_range("0.0000", "1.0000", "0.0100")],
    "tapered_deci_cent": [
        _range("0.0000", "0.1000", "0.0010"),
        _range("0.1000", "0.9000", "0.0100"),
        _range("0.9000", "1.0000", "0.0010"),
    ],
    "deci_cent": [_range("0.0000", "1.0000", "0.0010")],
}


def on_grid(price: Decimal, ranges: Ranges) -> bool:
    """Whether a YES price may be ordered; the end points 0 and 1 may not (assumption of the sheet)."""
    if not Decimal(0) < price < Decimal(1):
        return False
    return any(
        Decimal(band["start"]) <= price <= Decimal(band["end"])
        and (price - Decimal(band["start"])) % Decimal(band["step"]) == 0
        for band in ranges
    )
