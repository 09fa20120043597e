"""The gateway's REST endpoints (oddspapi sheet, sections 1 and 6)."""

import time
from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from overround.paper.feed import catalogue
from overround.paper.feed.hub import VENUE, Hub
from overround.paper.feed.limits import Limits, refusal
from overround.paper.feed.rows import settlement_rows
from overround.paper.feed.view import View

Json = dict[str, Any]
LANGUAGES = frozenset({"en", "es", "fr", "pt", "de", "it", "ru", "zh"})


class Refused(Exception):
    """An error answer: HTTP status, machine code, words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Query:
    """A request's parameters; malformed ones are refused."""

    def __init__(self, request: Request) -> None:
        self._params = request.query_params

    def text(self, name: str) -> str | None:
        return self._params.get(name) or None

    def needed(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise Refused(422, "validation_error", f"{name} is required")
        return value

    def texts(self, name: str) -> list[str]:
        return [item for item in (self._params.get(name) or "").split(",") if item]

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not _is_whole(value):
            raise Refused(422, "validation_error", f"{name} must be an integer")
        return int(value)

    def integers(self, name: str) -> list[int]:
        if not all(_is_whole(item) for item in self.texts(name)):
            raise Refused(422, "validation_error", f"{name} must be integers")
        return [int(item) for item in self.texts(name)]

    def bookmakers(self) -> frozenset[str] | None:
        slugs = self.texts("bookmakers")
        if len(slugs) > 5:
            raise Refused(400, "invalid_filters", "at most 5 bookmakers")
        return frozenset(slugs) or None


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


class Endpoints:
    """Every GET endpoint, behind the same door: key, rate limit, faults."""

    def __init__(self, hub: Hub, keys: set[str], limits: Limits) -> None:
        self._hub, self._keys, self._limits = hub, keys, limits
        self._maintenance_until = 0.0
        self._handlers: dict[str, Callable[[Query], Any]] = {
            "/bookmakers": self._bookmakers,
            "/sports": self._sports,
            "/tournaments": self._tournaments,
            "/participants": self._participants,
            "/markets": self._markets,
            "/currencies": lambda _: {},
            "/fixtures": self._fixtures,
            "/fixtures/today": self._today,
            "/fixtures/live": self._live,
            "/fixtures/odds": self._odds,
            "/fixtures/odds/main": self._odds_main,
            "/fixtures/mapping": self._mapping,
            "/fixtures/settlement": self._settlement,
            "/futures/settlement": _not_implemented,
        }

    def routes(self) -> list[Route]:
        return [Route("/{lang}" + path, self._serve(path, handler)) for path, handler in self._handlers.items()]

    def _serve(self, path: str, handler: Callable[[Query], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                key = self._authenticate(request)
                headers = self._admit(key, path)
                return self._shortened(_json(handler(Query(request)), headers))
            except Refused as refused:
                return _error(refused, headers)

        return answer

    # -- the door ---------------------------------------------------------------------------------------------------

    def _authenticate(self, request: Request) -> str:
        header, query = request.headers.get("x-api-key"), request.query_params.get("apiKey")
        key = header or query
        if key is None:
            raise Refused(401, "missing_api_key", "API key is missing")
        if key not in self._keys or (header and query and header != query):
            raise Refused(401, "invalid_api_key", "API key is invalid")
        if request.path_params["lang"] not in LANGUAGES:
            raise Refused(404, "not_found", "unknown language")
        return key

    def _admit(self, key: str, path: str) -> dict[str, str]:
        """Rate limit and maintenance; returns the headers of the answer."""
        faults = self._hub.world.faults
        verdict, refused = self._limits.count(key, path), faults.fires(VENUE, "rate_limited")
        verdict = verdict if refused is None else refusal(int(refused.get("seconds", 1)))
        if not verdict.allowed:
            raise RateRefused(verdict.headers(), verdict.retry_after())
        if (maintenance := faults.fires(VENUE, "maintenance")) is not None:
            self._maintenance_until = time.monotonic() + float(maintenance.get("seconds", 5))
        if time.monotonic() < self._maintenance_until:
            raise Refused(503, "rate_limiter_error", "down for maintenance")
        return verdict.headers()

    def _shortened(self, response: Response) -> Response:
        """With ``page_short`` the answer stops half-way."""
        if self._hub.world.faults.fires(VENUE, "page_short") is None:
            return response
        return Response(bytes(response.body)[: len(response.body) // 2], media_type="application/json")

    # -- catalogues -------------------------------------------------------------------------------------------------

    def _worlds(self) -> list[Any]:
        return list(self._hub.world.fixtures.values())

    def _bookmakers(self, query: Query) -> list[Json]:
        return _by_id(catalogue.bookmakers(self._worlds()), "slug", sorted(query.bookmakers() or ()))

    def _sports(self, query: Query) -> list[Json]:
        return _by_id(catalogue.sports(self._worlds()), "sportId", query.integers("sportIds"))

    def _tournaments(self, query: Query) -> list[Json]:
        ids, sport = query.integers("tournamentIds"), query.integer("sportId")
        rows = _by_id(catalogue.tournaments(self._worlds()), "tournamentId", ids)
        return rows if ids else [row for row in rows if row["sportId"] == (sport or 11)]

    def _participants(self, query: Query) -> list[Json]:
        ids, sport = query.integers("participantIds"), query.integer("sportId")
        if not ids and sport is None:
            raise Refused(400, "invalid_filters", "participantIds or sportId is required")
        rows = _by_id(catalogue.participants(self._worlds()), "participantId", ids)
        return [row for row in rows if sport is None or row["sportId"] == sport]

    def _markets(self, query: Query) -> list[Json]:
        ids, outcomes, sport = query.integers("marketIds"), query.integers("outcomeIds"), query.integer("sportId")
        if sum((bool(ids), bool(outcomes), sport is not None)) != 1:
            raise Refused(400, "invalid_filters", "exactly one of marketIds, sportId, outcomeIds")
        rows = _by_id(catalogue.markets(self._worlds()), "marketId", ids)
        if outcomes:
            rows = [row for row in rows if any(item["outcomeId"] in outcomes for item in row["outcomes"])]
        return [row for row in rows if sport is None or row["sportId"] == sport]

    # -- fixtures ---------------------------------------------------------------------------------------------------

    def _fixtures(self, query: Query) -> list[Json]:
        ids = query.texts("fixtureIds")
        if not ids and query.integer("sportId") is None and query.integer("tournamentId") is None:
            raise Refused(400, "invalid_filters", "fixtureIds, sportId or tournamentId is required")
        start, end = query.integer("startTimeFrom"), query.integer("startTimeTo")
        return [
            view.listed()
            for view in self._filtered(query)
            if (not ids or view.fixture.fixture_id in ids)
            and (start is None or view.fixture.start_time >= start)
            and (end is None or view.fixture.start_time <= end)
        ]

    def _today(self, query: Query) -> list[Json]:
        """Every fixture that is not over, whatever its date: a recording's today is long ago."""
        return [view.listed() for view in self._filtered(query) if view.fixture.status in (0, 1)]

    def _live(self, query: Query) -> list[Json]:
        return [view.listed() for view in self._filtered(query) if view.fixture.status == 1]

    def _filtered(self, query: Query) -> list[View]:
        sport, tournament, slugs = query.integer("sportId"), query.integer("tournamentId"), query.bookmakers()
        return [
            view
            for view in self._hub.listed()
            if (sport is None or view.fixture.sport_id == sport)
            and (tournament is None or view.fixture.tournament_id == tournament)
            and (slugs is None or not slugs.isdisjoint(view.states))
        ]

    def _view(self, fixture_id: str) -> View:
        view = self._hub.view(fixture_id)
        if view is None:
            raise Refused(404, "not_found", f"no fixture {fixture_id}")
        return view

    def _odds(self, query: Query) -> Json:
        return self._view(query.needed("fixtureId")).snapshot(query.bookmakers(), query.integer("since") or 0)

    def _odds_main(self, query: Query) -> list[Json]:
        ids, tournament = query.texts("fixtureIds"), query.integer("tournamentId")
        if bool(ids) == (tournament is not None):
            raise Refused(400, "invalid_filters", "one of tournamentId, fixtureIds")
        views = [view for view in self._filtered(query) if not ids or view.fixture.fixture_id in ids]
        return [view.snapshot(query.bookmakers(), query.integer("since") or 0) for view in views]

    def _mapping(self, query: Query) -> list[Json]:
        slug = query.text("bookmaker")
        if slug is None:
            raise Refused(400, "missing_bookmaker", "bookmaker is required")
        rows = [
            {"fixtureId": view.fixture.fixture_id, "bookmakerFixtureId": view.states[slug]["bookmakerFixtureId"]}
            for view in self._hub.listed()
            if slug in view.states
        ]
        rows = _by_id(rows, "fixtureId", query.texts("fixtureIds"))
        return _by_id(rows, "bookmakerFixtureId", query.texts("bookmakerFixtureIds"))

    def _settlement(self, query: Query) -> Json:
        view, outcome = self._view(query.needed("fixtureId")), query.integer("outcomeId")
        rows = settlement_rows(view.fixture)
        return view.listed() | {"settlements": _by_id(rows, "outcomeId", [] if outcome is None else [outcome])}


class RateRefused(Refused):
    def __init__(self, headers: dict[str, str], retry_after: int) -> None:
        super().__init__(429, "rate_limited", "rate limit exceeded")
        self.headers, self.retry_after = headers, retry_after


def _by_id(rows: list[Json], name: str, wanted: list[Any]) -> list[Json]:
    """The rows whose ``name`` is wanted; all of them when nothing is."""
    return [row for row in rows if not wanted or row[name] in wanted]


def _not_implemented(_: Query) -> Any:
    raise Refused(501, "not_implemented", "futures settlement is not implemented")


def _json(body: Any, headers: dict[str, str], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


def _error(refused: Refused, headers: dict[str, str]) -> Response:
    body: Json = {"error": refused.status, "message": refused.message, "code": refused.code}
    if isinstance(refused, RateRefused):
        headers, body = refused.headers, body | {"retryAfterSec": refused.retry_after}
    if refused.status == 422:
        body["details"] = [{"loc": ["query"], "msg": refused.message, "type": "value_error"}]
    return _json(body, headers, refused.status)
