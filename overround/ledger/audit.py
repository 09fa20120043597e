"""The ledger against the venues' and bookmaker's own books: every order, fill and bet has its partner, and money
agrees to the cent.

The witness is the paper world's own record (``GET /witness?house=false`` of its admin app); nothing here asks an
adapter.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import tables as t

ZERO, ONE, CENT = Decimal(0), Decimal(1), Decimal("0.01")


@dataclass(slots=True)
class Audit:
    """What was compared and what disagrees. ``clean`` when nothing does."""

    orders: int = 0
    fills: int = 0
    bets: int = 0
    ledger_pnl: Decimal = ZERO
    witness_pnl: Decimal = ZERO
    findings: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.findings

    def summary(self) -> str:
        """One line for a person."""
        verdict = "clean" if self.clean else f"{len(self.findings)} difference(s)"
        return (
            f"{verdict}: {self.orders} orders, {self.fills} fills, {self.bets} bets compared; settled PnL "
            f"{self.ledger_pnl:+.2f} in the ledger, {self.witness_pnl:+.2f} at the venues"
        )


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both sides' records, by what they have in common."""

    ledger: dict[tuple[str, str], Row[Any]]
    witness: dict[tuple[str, str], Mapping[str, Any]]


async def audit(connection: AsyncConnection, witness: Mapping[str, Any]) -> Audit:
    """Compare everything; findings name the object and both readings."""
    result = Audit()
    witness = _flat(witness)
    rows = list(await connection.execute(select(t.orders)))
    fills = list(await connection.execute(select(t.fills).where(~t.fills.c.failed)))
    sides = _match_orders(result, rows, witness["orders"])
    _compare_fills(result, rows, fills, sides, witness)
    parts = list(await connection.execute(_parts()))
    _compare_bets(result, parts, witness["bookmaker"]["bets"])
    await _compare_money(connection, result, rows, fills, parts, witness)
    return result


def _flat(witness: Mapping[str, Any]) -> dict[str, Any]:
    """The exchanges' records in one list each, and what every settled book paid per YES contract."""
    venues = witness["exchanges"].values()
    flat: dict[str, Any] = {
        name: [item for venue in venues for item in venue[name]] for name in ("orders", "trades", "wallets", "books")
    }
    flat["settled"] = {book["book_id"]: book["value"] for book in flat["books"] if book["value"] is not None}
    return flat | {"bookmaker": witness["bookmaker"]}


def _parts() -> Any:
    return select(t.bet_parts, t.bets.c.settlement.label("booked"), t.bets.c.client, t.bets.c.fixture_id).join(
        t.bets, t.bets.c.request_id == t.bet_parts.c.request_id
    )


# -- orders ----------------------------------------------------------------------------------------------------------


def _match_orders(result: Audit, rows: Iterable[Row[Any]], at_venue: Iterable[Mapping[str, Any]]) -> _Sides:
    ledger = {(row.exchange, row.venue_order_id or row.client_order_id): row for row in rows}
    by_ref = {(row.exchange, row.client_order_id): row for row in rows}
    witness: dict[tuple[str, str], Mapping[str, Any]] = {}
    for order in at_venue:
        key = (order["exchange"], order["order_id"])
        row = ledger.get(key) or by_ref.get((order["exchange"], order["client_ref"]))
        if row is None:
            result.findings.append(f"{key[0]} order {key[1]} ({order['status']}) is not in the ledger")
            continue
        witness[(row.exchange, row.client_order_id)] = order
        _compare_order(result, row, order)
    for row in rows:
        placed = row.status not in ("FAILED", "PENDING_PLACEMENT") or row.filled > ZERO
        if placed and (row.exchange, row.client_order_id) not in witness and row.action == "buy":
            result.findings.append(f"ledger order {row.client_order_id} ({row.status}) is unknown to {row.exchange}")
    result.orders = len(witness)
    return _Sides(ledger, witness)


def _compare_order(result: Audit, row: Row[Any], order: Mapping[str, Any]) -> None:
    if Decimal(order["filled"]) != row.filled:
        result.findings.append(
            f"order {row.client_order_id}: {row.filled} filled in the ledger, {order['filled']} at {row.exchange}"
        )
    if row.venue_order_id not in (None, order["order_id"]):
        result.findings.append(
            f"order {row.client_order_id} is {row.venue_order_id} in the ledger, {order['order_id']} at {row.exchange}"
        )
    open_here = row.status in ("PENDING_PLACEMENT", "PLACED", "PARTIAL")
    if open_here != (order["status"] == "open"):
        result.findings.append(
            f"order {row.client_order_id} is {row.status} in the ledger, {order['status']} at {row.exchange}"
        )
    if row.action == "buy" and row.price != Decimal(order["price"]):
        result.findings.append(f"order {row.client_order_id}: priced {row.price} here, {order['price']} there")


# -- fills -----------------------------------------------------------------------------------------------------------


def _compare_fills(
    result: Audit, rows: Iterable[Row[Any]], fills: Iterable[Row[Any]], sides: _Sides, witness: Mapping[str, Any]
) -> None:
    """Per order, the trades of both sides as (size, price, fee), whatever each calls them."""
    here: dict[str, list[tuple[Decimal, Decimal, Decimal]]] = defaultdict(list)
    for fill in fills:
        here[fill.client_order_id].append((fill.size, fill.price, fill.fee))
    there: dict[str, list[tuple[Decimal, Decimal, Decimal]]] = defaultdict(list)
    orders = {order["order_id"]: order for order in witness["orders"]}
    for trade in witness["trades"]:
        if trade["status"] != "ok":
            continue
        for side in ("maker", "taker"):
            order = orders.get(trade[f"{side}_order"])
            if order is not None:
                there[order["order_id"]].append(_seen_trade(trade, order, trade[f"{side}_fee"]))
    for row in rows:
        order = sides.witness.get((row.exchange, row.client_order_id))
        at_venue = there.get(order["order_id"], []) if order else []
        if sorted(here.get(row.client_order_id, [])) != sorted(at_venue):
            result.findings.append(
                f"order {row.client_order_id}: fills {_shown(here.get(row.client_order_id, []))} in the ledger, "
                f"{_shown(at_venue)} at {row.exchange}"
            )
        result.fills += len(at_venue)


def _seen_trade(trade: Mapping[str, Any], order: Mapping[str, Any], fee: str) -> tuple[Decimal, Decimal, Decimal]:
    """A trade in the terms of the contract we buy or sell: a sale may be the venue's purchase of the opposite."""
    price = Decimal(trade["yes_price"]) if order["outcome"] == "yes" else ONE - Decimal(trade["yes_price"])
    return Decimal(trade["size"]), price, Decimal(fee)


def _shown(trades: list[tuple[Decimal, Decimal, Decimal]]) -> str:
    return ", ".join(f"{size} @ {price} fee {fee}" for size, price, fee in trades) or "none"


# -- bets ------------------------------------------------------------------------------------------------------------


def _compare_bets(result: Audit, parts: Iterable[Row[Any]], bets: Iterable[Mapping[str, Any]]) -> None:
    here = {part.part_id: part for part in parts}
    there = {str(bet["betId"]): bet for bet in bets if bet["betStatus"] in ("PLACED", "CONFIRMED", "VOID")}
    for key in sorted(there.keys() - here.keys()):
        result.findings.append(f"bet {key} at the bookmaker is not in the ledger")
    for key in sorted(here.keys() - there.keys()):
        result.findings.append(f"bet part {key} in the ledger is unknown to the bookmaker")
    for key in here.keys() & there.keys():
        ours, theirs = (here[key].price, here[key].stake), _placed(there[key])
        if ours != theirs:
            result.findings.append(f"bet {key}: {ours[1]} @ {ours[0]} in the ledger, {theirs[1]} @ {theirs[0]} there")
    result.bets = len(here.keys() & there.keys())


def _placed(bet: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    return Decimal(bet["placedPrice"]), Decimal(bet["placedStake"])


# -- money -----------------------------------------------------------------------------------------------------------


async def _compare_money(
    connection: AsyncConnection,
    result: Audit,
    rows: Iterable[Row[Any]],
    fills: Iterable[Row[Any]],
    parts: Iterable[Row[Any]],
    witness: Mapping[str, Any],
) -> None:
    """What each side says was won on everything the ledger has settled, and what every wallet should hold."""
    latest = (
        select(t.settlements)
        .where(t.settlements.c.revision == select(func.max(_other.c.revision)).where(_same()).scalar_subquery())
        .order_by(t.settlements.c.settlement_id)
    )
    settled = {(row.subject, row.subject_id): row for row in await connection.execute(latest)}
    result.ledger_pnl = sum((row.profit for row in settled.values()), ZERO)
    books = {key: Decimal(value) for key, value in witness["settled"].items()}
    orders = {order["order_id"]: order for order in witness["orders"]}
    by_key = {row.client_order_id: row for row in rows}
    gains: dict[str, Decimal] = defaultdict(lambda: ZERO)
    cash: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    refs = {(row.exchange, row.venue_order_id): row.client_order_id for row in rows if row.venue_order_id}
    for trade in witness["trades"]:
        if trade["status"] != "ok":
            continue
        for side in ("maker", "taker"):
            order = orders.get(trade[f"{side}_order"])
            if order is None:
                continue
            size, price, fee = _seen_trade(trade, order, trade[f"{side}_fee"])
            sign = ONE if order["action"] == "buy" else -ONE
            value = books.get(trade["book_id"])
            paid = None if value is None else (value if order["outcome"] == "yes" else ONE - value)
            moved = -sign * size * price - fee
            cash[(order["exchange"], order["account"])] += moved + (ZERO if paid is None else sign * size * paid)
            if paid is not None:
                key = refs.get((order["exchange"], order["order_id"]), order["client_ref"])
                gains[key] += moved + sign * size * paid
    _compare_results(result, settled, gains, by_key)
    _compare_wallets(result, cash, witness["wallets"])
    _compare_bookmaker(result, settled, parts, witness["bookmaker"])


_other = t.settlements.alias("other")


def _same() -> Any:
    return (_other.c.subject == t.settlements.c.subject) & (_other.c.subject_id == t.settlements.c.subject_id)


def _compare_results(
    result: Audit,
    settled: Mapping[tuple[str, str], Row[Any]],
    gains: Mapping[str, Decimal],
    rows: Mapping[str, Row[Any]],
) -> None:
    for (subject, key), row in settled.items():
        if subject != "order":
            continue
        result.witness_pnl += gains.get(key, ZERO)
        if abs(row.profit - gains.get(key, ZERO)) >= CENT:
            result.findings.append(f"order {key}: booked {row.profit}, the venue paid {gains.get(key, ZERO)}")
    for key, gain in gains.items():
        if ("order", key) not in settled and key in rows:
            result.findings.append(f"order {key}: the venue has paid {gain}, the ledger has not booked it yet")


def _compare_wallets(
    result: Audit, cash: Mapping[tuple[str, str], Decimal], wallets: Iterable[Mapping[str, Any]]
) -> None:
    """The venue's balance against its own trades: netted pairs and fees included, nothing else touched the account."""
    for wallet in wallets:
        expected = Decimal(wallet["deposited"]) + cash.get((wallet["exchange"], wallet["account"]), ZERO)
        if abs(Decimal(wallet["cash"]) - expected) >= CENT:
            result.findings.append(
                f"{wallet['exchange']} account {wallet['account']} holds {wallet['cash']}, its trades make {expected}"
            )


def _compare_bookmaker(
    result: Audit, settled: Mapping[tuple[str, str], Row[Any]], parts: Iterable[Row[Any]], books: Mapping[str, Any]
) -> None:
    """Each bet's result, and each account's balance against the ledger's own stakes and returns."""
    paid: dict[str, Decimal] = defaultdict(lambda: ZERO)
    bets = {str(bet["betId"]): bet for bet in books["bets"]}
    for part in parts:
        bet = bets.get(part.part_id)
        if bet is not None and bet["payout"] is not None:
            paid[part.request_id] += Decimal(bet["payout"]) - part.stake
    for (subject, key), row in settled.items():
        if subject != "bet":
            continue
        result.witness_pnl += paid[key]
        if row.profit != paid[key]:
            result.findings.append(f"bet {key}: booked {row.profit}, the bookmaker paid {paid[key]}")
    for key in paid:
        if ("bet", key) not in settled:
            result.findings.append(f"bet {key}: the bookmaker has paid, the ledger has not booked it yet")
    balance = sum((Decimal(item["balance"]) - Decimal(item["deposited"]) for item in books["accounts"]), ZERO)
    stakes = sum((part.stake for part in parts), ZERO)
    returns = sum((Decimal(bet["payout"]) for bet in books["bets"] if bet["payout"] is not None), ZERO)
    if balance != returns - stakes:
        result.findings.append(f"the bookmaker's balance moved {balance}, stakes and returns make {returns - stakes}")
