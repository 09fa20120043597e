"""Clients: create, list, change. A client's id assigns its bookmaker (mm-api sheet, section 8.5)."""

from typing import Any

from sqlalchemy import select

from api.context import Reader
from api.errors import Refusal, absent, invalid
from api.exact import ExactJSON
from api.operator.access import Caller, Writer
from api.operator.audit import note
from api.operator.listing import listed
from api.operator.parameters import PathClient
from api.operator.routing import ABSENT, CONFLICT, router
from api.operator.schemas.people import ClientChange, ClientRecord, NewClient
from api.parameters import PageWindow
from api.schemas import Page
from overround.domain.clients import BadClient, ClientId, parse_client
from overround.ledger import clients as ledger
from overround.ledger.events import Row
from overround.ledger.tables import clients

routes = router()


def _shown(row: Row) -> dict[str, Any]:
    return {
        "client": row["client"],
        "name": row["name"],
        "bookmaker": row["bookmaker"],
        "active": row["active"],
        "oddsFormat": row["odds_format"],
        "createdAt": row["created_at"],
    }


@routes.get("/clients", response_model=Page[ClientRecord])
async def list_clients(caller: Caller, reader: Reader, window: PageWindow) -> ExactJSON:
    """Every client, newest first."""
    return await listed(reader, "clients", select(clients), (clients.c.created_at, clients.c.client), window, _shown)


@routes.post("/clients", response_model=ClientRecord, responses=CONFLICT)
async def create_client(caller: Caller, writer: Writer, body: NewClient) -> ExactJSON:
    """A new client. It trades as soon as it has accounts and settings; 409 when the id is taken."""
    who = _parsed(body.client)
    if not await ledger.create_client(writer, who, body.name, body.odds_format):
        raise Refusal(409, f"There is a client {who.client} already")
    made = _shown(await known(writer, who.client))
    await note(writer, caller, "client.create", who.client, who.client, new=made)
    return ExactJSON(made)


@routes.get("/clients/{client}", response_model=ClientRecord, responses=ABSENT)
async def get_client(caller: Caller, reader: Reader, client: PathClient) -> ExactJSON:
    """One client."""
    return ExactJSON(_shown(await known(reader, client)))


@routes.patch("/clients/{client}", response_model=ClientRecord, responses={**ABSENT, **CONFLICT})
async def change_client(caller: Caller, writer: Writer, client: PathClient, body: ClientChange) -> ExactJSON:
    """Change the name, the odds format or whether the client is active; what is left out stays.

    Deactivating is refused with 409 while orders are open or hedges under way: stop the client first.
    """
    old = await known(writer, client, lock=True)
    values = {name: value for name, value in body.model_dump().items() if value is not None}
    if values.get("active") is False and old["active"]:
        await _refuse_while_busy(writer, client)
    if not values:
        return ExactJSON(_shown(old))
    new = await ledger.change_client(writer, client, values)
    await note(writer, caller, "client.change", client, client, old=_shown(old), new=_shown(new))
    return ExactJSON(_shown(new))


async def _refuse_while_busy(writer: Writer, client: str) -> None:
    busy = await ledger.unfinished(writer, client)
    if busy:
        counts = " and ".join(f"{count} {what}" for what, count in busy.items())
        raise Refusal(409, f"{client} has {counts}: stop it and wait until they are finished")


def _parsed(client: str) -> ClientId:
    try:
        return parse_client(client)
    except BadClient as error:
        raise invalid(str(error), "client") from None


async def known(connection: Reader, client: str, *, lock: bool = False) -> Row:
    """The client's row, or 404."""
    row = await ledger.find_client(connection, client, lock=lock)
    if row is None:
        raise absent("Client")
    return row
