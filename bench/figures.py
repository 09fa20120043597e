"""Percentiles, the table on stdout and its JSON twin."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of all values do not exceed; NaN without any."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: ``n`` samples in ``unit``, beside the floor's, where there is one."""

    name: str
    unit: str
    n: int
    p50: float
    p99: float
    floor_p50: float | None = None
    floor_p99: float | None = None
    aim: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times its floor the median is."""
        return self.p50 / self.floor_p50 if self.floor_p50 else None


def figure(
    name: str,
    unit: str,
    samples: Sequence[float],
    floor: Sequence[float] | None = None,
    *,
    aim: str = "",
    note: str = "",
) -> Figure:
    """A line from raw samples."""
    low, high = (percentile(floor, 0.5), percentile(floor, 0.99)) if floor else (None, None)
    return Figure(name, unit, len(samples), percentile(samples, 0.5), percentile(samples, 0.99), low, high, aim, note)


def single(name: str, unit: str, value: float, *, note: str = "") -> Figure:
    """A line of one number."""
    return Figure(name, unit, 1, value, value, note=note)


@dataclass(slots=True)
class Report:
    """Everything one run printed. ``machine`` says what it ran on."""

    machine: Mapping[str, Any]
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *figures: Figure) -> None:
        self.figures += figures

    def plain(self) -> dict[str, Any]:
        """JSON-ready; NaN, which JSON cannot hold, becomes null."""
        lines = [{**asdict(item), "ratio": item.ratio} for item in self.figures]
        clean = [{key: None if value != value else value for key, value in line.items()} for line in lines]
        return {"machine": dict(self.machine), "figures": clean, "notes": self.notes}


HEADINGS = ("measure", "unit", "n", "p50", "p99", "floor p50", "floor p99", "ratio", "aim")


def table(figures: Iterable[Figure]) -> list[str]:
    """Aligned lines of text, the notes below their measures."""
    rows = [HEADINGS, *(_cells(item) for item in figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    return [_aligned(row, widths) for row in rows]


def markdown(figures: Iterable[Figure]) -> list[str]:
    """The same as a Markdown table, with the notes in a last column."""
    lines = ["| " + " | ".join((*HEADINGS, "note")) + " |", "|---|---|" + "--:|" * 6 + "---|---|"]
    return lines + ["| " + " | ".join((*_cells(item), item.note)) + " |" for item in figures]


def _cells(item: Figure) -> tuple[str, ...]:
    ratio = "" if item.ratio is None else f"{item.ratio:.2f}x"
    numbers = (item.p50, item.p99 if item.n > 1 else None, item.floor_p50, item.floor_p99)
    return (item.name, item.unit, str(item.n), *(_number(value) for value in numbers), ratio, item.aim)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if math.isnan(value):
        return "none"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if place in (0, 1, len(row) - 1) else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
