"""Positions: what a client holds per fixture, outcome and exchange, how much of it is hedged, and what it may lose.

What is over comes from the counters, what is open from the open rows themselves (``open_lines``).
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.reads.lines import Line, Sums, held
from overround.ledger.reads.open_lines import OpenLine, open_lines, shown
from overround.ledger.reads.page import Filters, Item, Page, Window, cursor
from overround.ledger.rollups import RESULTS

WORDS = {name: name.upper() for name in RESULTS}


async def list_positions(connection: AsyncConnection, client: str, filters: Filters, window: Window) -> Page:
    """The lines that were last opened first."""
    lines = await held(connection, client, filters, window)
    shown_now = lines.opened[: window.size]
    if not shown_now:
        return Page([], window, lines.total)
    following = cursor("positions", shown_now[-1]) if len(lines.opened) > window.size else None
    fixtures = sorted({lines.sums[opened].line[0] for opened in shown_now})
    live = await open_lines(connection, client, filters, fixtures)
    items = [_position(lines.sums[opened], live) for opened in shown_now]
    return Page(items, window, lines.total, following)


def _position(sums: Sums, live: dict[Line, OpenLine]) -> Item:
    return position_payload(sums, live.get(sums.line) or OpenLine())


def position_payload(sums: Sums, live: OpenLine) -> Item:
    """The position object; ``hedgedPayout`` and ``residual`` in contracts, everything else in currency."""
    (fixture_id, market_id, outcome_id, exchange), over = sums.line, sums.values
    return {
        "fixtureId": fixture_id,
        "marketId": market_id,
        "outcomeId": outcome_id,
        "exchange": exchange,
        "orderCount": int(over["orders"]),
        "matchedStake": over["bought"],
        "contracts": live.contracts,
        "averagePrice": shown(over["bought_cost"] / over["bought"]) if over["bought"] else None,
        "cost": live.cost,
        "fees": live.fees,
        "hedgedPayout": live.payout - live.against,
        "hedgeStake": live.stake,
        "residual": live.residual,
        "openStake": live.resting,
        "worstCaseExposure": live.worst_case(),
        "realizedPnl": over["realised"],
        "unrealizedPnl": live.unrealised(),
        "settlementStatus": _settlement(sums, live),
        "updatedAt": max(at for at in (sums.updated_at, live.updated_at) if at is not None),
    }


def _settlement(sums: Sums, live: OpenLine) -> str:
    """Undecided while anything is; a line's orders settle alike, or else the first word by name is shown."""
    if live.live or sums.values["undecided"]:
        return WORDS["undecided"]
    return min((word for name, word in WORDS.items() if sums.values[name] > 0), default=WORDS["undecided"])
