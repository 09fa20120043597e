"""55-Tech ABP as a bookmaker: a router that bets at many bookmakers through the client's own accounts.

Source: bookmakers sheet, sections 5 and 8. A request is sent once; whatever is not a readable answer stays
unknown until ``find`` resolves it by our own request id.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from overround.bookmakers.abp import messages
from overround.bookmakers.abp.rest import Duplicate, Rest
from overround.bookmakers.abp.stream import Stream
from overround.bookmakers.abp.strict import VENUE, flag, need, rows, text
from overround.bookmakers.base import BetReport, BetRequest, BetSettlement, BookmakerAccount, SelectionPrice
from overround.limiter import Urgency
from overround.venues import Account, Definitive, NotFound, Rejected, Unknown, Unreadable

SKEW_MS = 1_000
"""How far the venue's clock may be from ours."""
MAX_PAGES = 50


@dataclass(frozen=True, slots=True)
class _Open:
    """A request whose end is not known yet. Times in epoch ms; zeros when another process sent it."""

    sent_at: int = 0
    expires_at: int = 0


class Abp:
    """``Bookmaker`` for ABP. Endpoints ``rest`` and ``ws``, secret ``api_key``; options ``rate`` (requests a second),
    ``timeout``, ``ping_seconds`` and ``idle_seconds``."""

    name = VENUE
    memory_seconds = 1800.0

    def __init__(self, account: Account, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._rest = Rest(account)
        self._open: dict[str, _Open] = {}
        self._stream = Stream(account, self._event_report, self._read_open)

    async def __aenter__(self) -> "Abp":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._rest.close()

    # -- reading -----------------------------------------------------------------------------------------------------

    async def accounts(self) -> list[BookmakerAccount]:
        body = await self._rest.get("/accounts", None, Urgency.PROBE)
        listed = need(body, "accounts", "answer") if isinstance(body, dict) else body
        return [messages.account(row) for row in rows(listed, "accounts")]

    async def prices(self, fixture_id: str, outcome_id: int, player_id: int = 0) -> list[SelectionPrice]:
        """Live prices per bookmaker account; empty where no bookmaker offers the selection."""
        params = {"fixtureId": fixture_id, "outcomeId": str(outcome_id), "playerId": str(player_id)}
        body = await self._rest.get("/betslip", params, Urgency.HEDGE)
        if not isinstance(body, dict):
            raise Unreadable(VENUE, "betslip is not an object")
        return [messages.selection(key, row) for key, row in body.items()]

    async def settlements(self, bet_ids: list[str]) -> list[BetSettlement]:
        """One result per bet id, in order. Raises ``NotFound`` for a bet the venue does not know."""
        bodies = [await self._rest.get(f"/bets/{bet_id}", None, Urgency.PROBE) for bet_id in bet_ids]
        return [messages.settlement(body) for body in bodies]

    # -- betting -----------------------------------------------------------------------------------------------------

    async def place(self, bet: BetRequest) -> BetReport:
        """Send one order. ``Definitive`` errors mean no bet exists; ``Unknown`` ones must be resolved by ``find``."""
        _require_uuid(bet.request_id)
        fresh = bet.request_id not in self._open
        self._open.setdefault(bet.request_id, _Open(self._now(), bet.expires_at))
        try:
            body = await self._rest.post("/place-orders", messages.place_body(bet), Urgency.HEDGE)
        except Duplicate:
            return await self._earlier(bet.request_id)
        except Definitive:
            if fresh:
                self._open.pop(bet.request_id, None)
            raise
        report = self._answer(body, bet.request_id)
        return self._note(report) if report else await self._earlier(bet.request_id)

    async def find(self, request_id: str) -> BetReport | None:
        """Every order under ``request_id`` as one report. None only when the venue lists none *and* it can no longer
        arrive: what this process sent is conclusively absent after its expiry and within the venue's memory."""
        reports = await self._reports(request_id)
        found = messages.merge(reports)
        if found is not None:
            return self._note(found)
        self._require_conclusive(request_id)
        self._open.pop(request_id, None)
        return None

    async def cancel(self, request_id: str) -> BetReport:
        """Stop an order; bets already at a bookmaker stay (the report lists them). ``NotFound`` for an unknown id."""
        await self._rest.post("/cancel-orders", {"requestUuids": [request_id]}, Urgency.CANCEL)
        found = messages.merge(await self._reports(request_id))
        if found is None:
            raise NotFound(VENUE, f"no order {request_id} to cancel")
        return self._note(found)

    # -- pushed ------------------------------------------------------------------------------------------------------

    def stream(self) -> AsyncIterator[BetReport]:
        """Reports as the venue pushes them, for ever. After every (re)connect and gap open requests are read again."""
        return self._stream.reports()

    def watch(self, request_ids: Iterable[str]) -> None:
        """Also read these requests again after a gap: sent by an earlier process, still open in the ledger."""
        for request_id in request_ids:
            self._open.setdefault(request_id, _Open())

    def on_settlement(self, listener: Callable[[BetSettlement], None]) -> None:
        """Call ``listener`` with every settlement pushed while ``stream`` is read."""
        self._stream.settlement_listeners.append(listener)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _answer(self, body: Any, request_id: str) -> BetReport | None:
        """The report in a placement's answer; None when the order was skipped as a duplicate."""
        for row in rows(need(body, "acceptedOrders", "answer"), "acceptedOrders"):
            if text(row, "requestUuid") == request_id:
                return messages.order_report(row, self._now())
        for row in rows(need(body, "declinedOrders", "answer"), "declinedOrders"):
            if not isinstance(row, dict) or row.get("requestUuid", request_id) == request_id:
                return messages.declined(row, request_id)
        return None

    async def _earlier(self, request_id: str) -> BetReport:
        """A duplicate is the success of an earlier attempt: what became of it?"""
        found = messages.merge(await self._reports(request_id))
        if found is None:
            raise Unreadable(VENUE, f"{request_id} is called a duplicate and is not listed")
        return self._note(found)

    async def _reports(self, request_id: str) -> list[BetReport]:
        """All pages of the orders under one id, or an error: an incomplete list is never evidence."""
        params = {"requestUuids": request_id}
        found: list[BetReport] = []
        for _ in range(MAX_PAGES):
            body = await self._rest.get("/orders", params, Urgency.PROBE)
            listed = rows(need(body, "orders", "answer"), "orders")
            mine = [row for row in listed if text(row, "requestUuid") == request_id]
            found += [messages.order_report(row, self._now()) for row in mine]
            if not flag(body, "hasMore"):
                return found
            params = {"requestUuids": request_id, "afterOrderId": text(body, "nextCursor")}
        raise Unreadable(VENUE, f"orders of {request_id} do not end")

    def _require_conclusive(self, request_id: str) -> None:
        sent = self._open.get(request_id)
        if sent is None or not sent.sent_at:
            return
        now = self._now()
        if now < sent.expires_at + SKEW_MS:
            raise Unknown(VENUE, f"{request_id} is not listed, and may still arrive until it expires: ask again")
        if now - sent.sent_at > self.memory_seconds * 1000:
            raise Unknown(VENUE, f"{request_id} is older than the venue's memory: compare running bets by hand")

    def _note(self, report: BetReport) -> BetReport:
        if report.final:
            self._open.pop(report.request_id, None)
        else:
            self._open.setdefault(report.request_id, _Open())
        return report

    async def _event_report(self, payload: Any) -> BetReport | None:
        """The report an ``orders`` or ``bets`` event stands for: its own when it is a whole order, else by look-up."""
        if isinstance(payload, dict) and "orderStatus" in payload and "bets" in payload:
            return self._note(messages.order_report(payload, self._now()))
        found = messages.merge(await self._reports(text(payload, "requestUuid")))
        return None if found is None else self._note(found)

    async def _read_open(self) -> list[BetReport]:
        found = [messages.merge(await self._reports(request_id)) for request_id in list(self._open)]
        return [self._note(report) for report in found if report is not None]

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _require_uuid(request_id: str) -> None:
    try:
        UUID(request_id)
    except ValueError as error:
        raise Rejected(VENUE, f"request id {request_id!r} is not a UUID") from error
