"""What the client chooses to trade: market types and tournaments (mm-api sheet, section 5.12; docs/trading.md).

The operator's settings say what may be traded and how; these choices leave out what the client does not want. They take
effect within a second or two, and each is written down with who made it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Path, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.commands import by_whom
from api.context import Context, Reader, context_of, writing
from api.errors import Refusal, absent, invalid
from api.exact import ExactJSON, ExactRoute
from api.limits import Caller
from api.once import Attempt, OnceOnly
from api.parameters import PageWindow
from api.routing import ABSENT, COMMANDS, router
from api.schemas import Page
from api.schemas.config import AddTournament, ChangeTournament, ChooseMarkets, MarketChoices, TournamentChoice
from overround.ledger import choices, configs
from overround.ledger.choices import EVERY, MARKETS, TOURNAMENT, Choice, Choices, OpenOrders
from overround.ledger.keys import KeyOwner
from overround.ledger.reads import page
from overround.ledger.reads.page import Item
from overround.ledger.resting import market_ids, open_counts, tournament_names

routes = router("Configuration")
routes.route_class = ExactRoute
TournamentId = Annotated[int, Path(ge=0, le=2**31 - 1, description="0 is every tournament without an entry.")]
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {**COMMANDS[409], "description": "There is an entry already, or orders are open in what is to end."}
}


@dataclass(frozen=True, slots=True)
class Change:
    """A transaction in which one client's choices change."""

    connection: AsyncConnection
    client: str
    by: str
    held: Choices

    async def to(self, kind: str, subject: str, new: dict[str, Any] | None) -> None:
        """Choose; refused with 409 where that would end trading under open orders."""
        try:
            await choices.choose(self.connection, self.held, self.client, kind, subject, new, self.by)
        except OpenOrders as error:
            raise Refusal(
                409, f"{error.count} open order(s) in what is to end: pause trading until they are cancelled"
            ) from None


@asynccontextmanager
async def changing(context: Context, caller: KeyOwner) -> AsyncIterator[Change]:
    """Committed when the block ends, undone by a refusal."""
    by = await by_whom(context, caller)
    async with writing(context) as connection:
        held = await choices.lock(connection, caller.client)
        yield Change(connection, caller.client, by, held)


@routes.get("/config/markets", response_model=MarketChoices)
async def get_markets(caller: Caller, reader: Reader) -> ExactJSON:
    """Every outcome the operator offers, and whether the client wants it traded."""
    return ExactJSON(await _markets(reader, caller.client))


@routes.put("/config/markets", response_model=MarketChoices, responses=CONFLICT)
async def put_markets(request: Request, caller: Caller, chosen: ChooseMarkets) -> ExactJSON:
    """Choose the outcomes to trade; what is not named is not quoted any more. 409 while orders are open there."""
    async with changing(context_of(request), caller) as change:
        wanted = chosen.outcome_ids
        if wanted is not None:
            offered = (await configs.load(change.connection)).offered(caller.client)
            unknown = sorted(set(wanted) - set(offered))
            if unknown:
                raise invalid(f"not offered by the operator: {', '.join(map(str, unknown))}", "outcomeIds")
        new = None if wanted is None else {"outcomeIds": sorted(set(wanted))}
        await change.to(MARKETS, "", new)
        return ExactJSON(await _markets(change.connection, caller.client))


@routes.get("/config/tournaments", response_model=Page[TournamentChoice])
async def list_tournaments(caller: Caller, reader: Reader, window: PageWindow) -> ExactJSON:
    """Tournaments with a choice of their own, the one changed last first. All others follow entry 0, and are traded
    where there is none."""
    if window.cursor is not None:
        raise page.BadPage("cursor", "this list is short and has pages only")
    held = (await choices.load(reader, caller.client)).tournaments(caller.client)
    order = sorted(held, key=lambda number: (held[number].changed_at, number), reverse=True)
    shown = order[window.offset : window.offset + window.size]
    items = await _tournaments(reader, caller.client, held, shown)
    return ExactJSON(page.Page(items, window, len(held)).body())


@routes.post("/config/tournaments", response_model=TournamentChoice, status_code=201, responses=COMMANDS)
async def add_tournament(caller: Caller, once: OnceOnly, wanted: AddTournament) -> Response:
    """Give a tournament a choice of its own. 409 when it has one, or when orders are open in what is to end."""

    async def work(attempt: Attempt) -> Item:
        async with changing(once.context, caller) as change:
            new = {"active": wanted.active}
            held = change.held.value(caller.client, TOURNAMENT, str(wanted.tournament_id))
            if held is not None and not (attempt.resumed and held == new):
                raise Refusal(409, f"Tournament {wanted.tournament_id} has an entry: change it with PATCH")
            return await _chosen(change, wanted.tournament_id, new)

    return await once.answer(work, 201)


@routes.patch("/config/tournaments/{tournamentId}", response_model=TournamentChoice, responses={**ABSENT, **CONFLICT})
async def change_tournament(
    request: Request,
    caller: Caller,
    tournamentId: TournamentId,  # noqa: N803 - the documented name
    wanted: ChangeTournament,
) -> ExactJSON:
    """Trade the tournament, or do not. 409 while orders are open in what is to end."""
    async with changing(context_of(request), caller) as change:
        _known(change, tournamentId)
        return ExactJSON(await _chosen(change, tournamentId, {"active": wanted.active}))


@routes.delete("/config/tournaments/{tournamentId}", response_model=TournamentChoice, responses={**ABSENT, **CONFLICT})
async def remove_tournament(request: Request, caller: Caller, tournamentId: TournamentId) -> ExactJSON:  # noqa: N803
    """Take the choice back: the tournament follows entry 0 again. The answer is the entry as it was."""
    async with changing(context_of(request), caller) as change:
        _known(change, tournamentId)
        held = change.held.tournaments(caller.client)
        (was,) = await _tournaments(change.connection, caller.client, held, [tournamentId])
        await change.to(TOURNAMENT, str(tournamentId), None)
        return ExactJSON(was)


def _known(change: Change, tournament_id: int) -> None:
    if change.held.value(change.client, TOURNAMENT, str(tournament_id)) is None:
        raise absent("Tournament")


async def _chosen(change: Change, tournament_id: int, new: dict[str, Any]) -> Item:
    await change.to(TOURNAMENT, str(tournament_id), new)
    held = (await choices.load(change.connection, change.client)).tournaments(change.client)
    (item,) = await _tournaments(change.connection, change.client, held, [tournament_id])
    return item


async def _markets(connection: AsyncConnection, client: str) -> Item:
    held = await configs.load(connection)
    chosen = held.choices.markets(client)
    ids = None if chosen is None else chosen.value["outcomeIds"]
    offered = held.offered(client)
    resting: dict[int, int] = {}
    for (_, outcome), count in (await open_counts(connection, client)).items():
        resting[outcome] = resting.get(outcome, 0) + count
    markets = await market_ids(connection, offered)
    return {
        "outcomeIds": ids,
        "outcomes": [
            {
                "outcomeId": outcome,
                "marketId": markets.get(outcome),
                "active": ids is None or outcome in ids,
                "openOrders": resting.get(outcome, 0),
            }
            for outcome in offered
        ],
        "changedBy": None if chosen is None else chosen.changed_by,
        "changedAt": None if chosen is None else chosen.changed_at,
    }


async def _tournaments(
    connection: AsyncConnection, client: str, held: Mapping[int, Choice], shown: list[int]
) -> list[Item]:
    names = await tournament_names(connection, shown)
    resting: dict[int, int] = {}
    for (tournament, _), count in (await open_counts(connection, client)).items():
        entry = tournament if tournament in held else EVERY
        resting[entry] = resting.get(entry, 0) + count
    return [
        {
            "tournamentId": number,
            "tournamentName": names.get(number, (None, None))[0],
            "sportName": names.get(number, (None, None))[1],
            "active": held[number].value["active"],
            "openOrders": resting.get(number, 0),
            "changedBy": held[number].changed_by,
            "changedAt": held[number].changed_at,
        }
        for number in shown
    ]
