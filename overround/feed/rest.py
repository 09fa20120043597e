"""The feed's REST: snapshots, catalogues and settlements, read within the key's rate limits.

Source: oddspapi sheet, sections 1 and 6. Every call is a read; none is retried here.
"""

import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from overround.feed import catalogue, messages
from overround.feed.catalogue import (
    BookmakerInfo,
    CatalogueMarket,
    Currency,
    FixtureMapping,
    Participant,
    Sport,
    Tournament,
)
from overround.feed.messages import Fixture, FixtureOdds, SettlementRow
from overround.feed.wire import VENUE, Row, parse_json
from overround.http import Http
from overround.limiter import RateLimiter, Urgency
from overround.venues import NotFound, RateLimited, Rejected, Unauthorised, Unreadable

T = TypeVar("T")

ODDS_PATHS = frozenset({"/fixtures/odds", "/fixtures/odds/main"})
MAX_BOOKMAKERS = 5
"""Slugs one call may name (sheet, section 1)."""


def _bucket(path: str, per_minute: int) -> RateLimiter:
    """A bucket that stays inside the server's fixed window even when a window turns: burst plus refill is the limit."""
    if path in ODDS_PATHS:
        return RateLimiter(rate=8.0, burst=2.0)
    return RateLimiter(rate=0.6 * per_minute / 60, burst=0.4 * per_minute)


class FeedRest:
    """One key's REST session; limits are counted per endpoint, as the server does. ``base_url`` includes the language.

    Raises ``overround.venues`` errors. ``RateLimited`` is raised at once; the next call to that endpoint waits it out.
    """

    def __init__(self, api_key: SecretStr, base_url: str, *, timeout: float = 15.0, per_minute: int = 100) -> None:
        self._key, self._per_minute = api_key, per_minute
        self._http = Http(VENUE, base_url.rstrip("/"), timeout=timeout)
        self._limits: dict[str, RateLimiter] = {}

    async def __aenter__(self) -> "FeedRest":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.close()

    # -- catalogues -------------------------------------------------------------------------------------------------

    async def bookmakers(self, slugs: Iterable[str] = ()) -> list[BookmakerInfo]:
        return await self._list("/bookmakers", catalogue.bookmaker, bookmakers=_join(slugs))

    async def sports(self, sport_ids: Iterable[int] = ()) -> list[Sport]:
        return await self._list("/sports", catalogue.sport, sportIds=_join(sport_ids))

    async def tournaments(self, *, sport_id: int | None = None, tournament_ids: Iterable[int] = ()) -> list[Tournament]:
        return await self._list(
            "/tournaments", catalogue.tournament, sportId=sport_id, tournamentIds=_join(tournament_ids)
        )

    async def participants(
        self, *, participant_ids: Iterable[int] = (), sport_id: int | None = None
    ) -> list[Participant]:
        return await self._list(
            "/participants", catalogue.participant, participantIds=_join(participant_ids), sportId=sport_id
        )

    async def markets(
        self, *, market_ids: Iterable[int] = (), sport_id: int | None = None, outcome_ids: Iterable[int] = ()
    ) -> list[CatalogueMarket]:
        """Give exactly one of the three (sheet, section 6)."""
        return await self._list(
            "/markets", catalogue.market, marketIds=_join(market_ids), sportId=sport_id, outcomeIds=_join(outcome_ids)
        )

    async def currencies(self, currency: str | None = None) -> list[Currency]:
        """Rows of ``currency`` or of all; a bare list or ``{code: row}``."""
        body = await self._get("/currencies", currency=currency)
        rows = list(body.values()) if isinstance(body, dict) else body
        return [catalogue.currency(item) for item in _as_list("/currencies", rows)]

    # -- fixtures ---------------------------------------------------------------------------------------------------

    async def fixtures(
        self,
        *,
        fixture_ids: Iterable[str] = (),
        sport_id: int | None = None,
        tournament_id: int | None = None,
        start_from: int | None = None,
        start_to: int | None = None,
        bookmakers: Iterable[str] = (),
    ) -> list[Fixture]:
        """Fixtures by id, or by sport, tournament and start time (epoch seconds)."""
        return await self._list(
            "/fixtures",
            messages.fixture,
            fixtureIds=_join(fixture_ids),
            sportId=sport_id,
            tournamentId=tournament_id,
            startTimeFrom=start_from,
            startTimeTo=start_to,
            bookmakers=_join(bookmakers),
        )

    async def fixtures_today(
        self, *, sport_id: int | None = None, tournament_id: int | None = None, bookmakers: Iterable[str] = ()
    ) -> list[Fixture]:
        return await self._short_list("/fixtures/today", sport_id, tournament_id, bookmakers)

    async def fixtures_live(
        self, *, sport_id: int | None = None, tournament_id: int | None = None, bookmakers: Iterable[str] = ()
    ) -> list[Fixture]:
        return await self._short_list("/fixtures/live", sport_id, tournament_id, bookmakers)

    async def odds(self, fixture_id: str, *, bookmakers: Iterable[str] = (), since: int | None = None) -> FixtureOdds:
        """A fixture with its odds: all of them, or those changed since epoch milliseconds ``since``. More than five
        bookmakers take several calls."""
        parts = [
            messages.fixture_odds(
                await self._get("/fixtures/odds", fixtureId=fixture_id, bookmakers=_join(slugs), since=since)
            )
            for slugs in _fives(bookmakers)
        ]
        for part in parts:
            if part.fixture.fixture_id != fixture_id:
                raise Unreadable(VENUE, f"asked for {fixture_id}, got {part.fixture.fixture_id}")
        return _joined(parts)

    async def odds_main(
        self,
        *,
        fixture_ids: Iterable[str] = (),
        tournament_id: int | None = None,
        bookmakers: Iterable[str] = (),
        since: int | None = None,
    ) -> list[FixtureOdds]:
        """Main lines of up to 50 fixtures, or of a tournament; at most five bookmakers."""
        return await self._list(
            "/fixtures/odds/main",
            messages.fixture_odds,
            fixtureIds=_join(fixture_ids),
            tournamentId=tournament_id,
            bookmakers=_join(bookmakers),
            since=since,
        )

    async def mapping(
        self, bookmaker: str, *, fixture_ids: Iterable[str] = (), bookmaker_fixture_ids: Iterable[str] = ()
    ) -> list[FixtureMapping]:
        return await self._list(
            "/fixtures/mapping",
            catalogue.mapping,
            bookmaker=bookmaker,
            fixtureIds=_join(fixture_ids),
            bookmakerFixtureIds=_join(bookmaker_fixture_ids),
        )

    async def settlement(
        self, fixture_id: str, *, outcome_id: int | None = None
    ) -> tuple[Fixture, tuple[SettlementRow, ...]]:
        """The feed's grading; the real one takes 4 to 9 seconds (sheet, section 6)."""
        return messages.settlements(await self._get("/fixtures/settlement", fixtureId=fixture_id, outcomeId=outcome_id))

    # -- the wire ---------------------------------------------------------------------------------------------------

    async def _short_list(
        self, path: str, sport_id: int | None, tournament_id: int | None, bookmakers: Iterable[str]
    ) -> list[Fixture]:
        return await self._list(
            path, messages.fixture, sportId=sport_id, tournamentId=tournament_id, bookmakers=_join(bookmakers)
        )

    async def _list(self, path: str, parse: Callable[[object], T], **params: str | int | None) -> list[T]:
        return [parse(item) for item in _as_list(path, await self._get(path, **params))]

    async def _get(self, path: str, **params: str | int | None) -> Any:
        limit = self._limits.setdefault(path, _bucket(path, self._per_minute))
        await limit.take(1.0, Urgency.CANCEL)
        query = {name: str(value) for name, value in params.items() if value is not None and value != ""}
        answer = await self._http.send("GET", path, params=query, headers={"X-API-Key": self._key.get_secret_value()})
        _obey(limit, answer)
        if answer.status_code != 200:
            raise _refusal(path, answer)
        return parse_json(answer.content)


def _obey(limit: RateLimiter, answer: httpx.Response) -> None:
    """Stop asking until the window the server names is over."""
    remaining, reset = answer.headers.get("X-RateLimit-Remaining"), answer.headers.get("X-RateLimit-Reset")
    retry = _seconds(answer)
    if answer.status_code == 429 and retry is not None:
        limit.empty(retry)
    elif remaining == "0" and reset is not None and reset.isdigit():
        limit.empty(min(60.0, max(0.0, int(reset) - time.time())))


def _seconds(answer: httpx.Response) -> float | None:
    try:
        return float(answer.headers.get("Retry-After", ""))
    except ValueError:
        return None


def _refusal(path: str, answer: httpx.Response) -> Exception:
    """The shared error for a feed error body; ``code`` and ``reason`` are both in use (sheet, section 1)."""
    body = _error_body(answer)
    code = body.get("code") or body.get("reason") or ""
    text = f"GET {path}: {answer.status_code} {code} {body.get('message') or ''}".rstrip()
    if answer.status_code == 429:
        return RateLimited(VENUE, text, _seconds(answer))
    if answer.status_code in (401, 403):
        return Unauthorised(VENUE, text)
    if answer.status_code == 404:
        return NotFound(VENUE, text)
    return Rejected(VENUE, text) if answer.status_code in (400, 422, 501) else Unreadable(VENUE, text)


def _error_body(answer: httpx.Response) -> dict[str, Any]:
    try:
        return Row("error", parse_json(answer.content)).body
    except Unreadable:
        return {}


def _as_list(path: str, body: object) -> list[Any]:
    if not isinstance(body, list):
        raise Unreadable(VENUE, f"GET {path} did not answer with a list")
    return body


def _join(values: Iterable[str | int]) -> str:
    return ",".join(str(value) for value in values)


def _fives(slugs: Iterable[str]) -> list[list[str]]:
    """Groups of at most five; one empty group when no slug is named."""
    names = list(slugs)
    return [names[at : at + MAX_BOOKMAKERS] for at in range(0, len(names), MAX_BOOKMAKERS)] or [[]]


def _joined(parts: list[FixtureOdds]) -> FixtureOdds:
    last = parts[-1].fixture
    for part in parts:
        last.bookmakers.update(part.fixture.bookmakers)
    return FixtureOdds(last, {slug: rows for part in parts for slug, rows in part.odds.items()})
