"""Trading parameters per client and scope: each change a new version, with who and when (docs/trading.md)."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic.alias_generators import to_camel

from api.context import Reader
from api.errors import Refusal, invalid
from api.exact import ExactJSON
from api.operator.access import Caller, Writer
from api.operator.audit import note
from api.operator.clients import known
from api.operator.listing import listed
from api.operator.parameters import PathClient
from api.operator.routing import ABSENT, CONFLICT, router
from api.operator.schemas.trading import KINDS, GivenParameters, ScopeParameters
from api.parameters import PageWindow
from api.schemas import Page
from overround.domain.config import BadConfig, TradingConfig, parse_config
from overround.ledger import configs
from overround.ledger.events import Row
from overround.ledger.seed import DEFAULTS
from overround.ledger.tables import trading_configs

routes = router()
MAX_INT = 2**31 - 1
MaybeTournament = Annotated[int | None, Query(alias="tournamentId", ge=1, le=MAX_INT)]
MaybeMarket = Annotated[int | None, Query(alias="marketId", ge=1, le=MAX_INT)]
Expected = Annotated[
    int | None,
    Query(alias="expectedVersion", ge=0, le=MAX_INT, description="409 unless this is the version now; 0 is none."),
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A scope; 0 is every tournament, or every market of it."""

    tournament: int
    market: int

    @property
    def name(self) -> str:
        return "market" if self.market else "tournament" if self.tournament else "default"

    @property
    def above(self) -> "Wanted":
        return Wanted(self.tournament if self.market else configs.DEFAULT, configs.DEFAULT)

    def subject(self) -> str:
        """As the audit names it."""
        return {"market": f"tournament {self.tournament} market {self.market}"}.get(
            self.name, f"tournament {self.tournament}" if self.tournament else "default"
        )


def _wanted(tournament: MaybeTournament = None, market: MaybeMarket = None) -> Wanted:
    if market is not None and tournament is None:
        raise invalid("a market's parameters are those of one tournament: give tournamentId too", "marketId")
    return Wanted(tournament or configs.DEFAULT, market or configs.DEFAULT)


InScope = Annotated[Wanted, Depends(_wanted)]


def _plain(config: TradingConfig) -> dict[str, Any]:
    values = {to_camel(name): value for name, value in asdict(config).items() if name != "version"}
    return values | {"outcomes": list(config.outcomes)}


def _scope(wanted: Wanted, row: Row | None) -> dict[str, Any]:
    return {
        "scope": wanted.name,
        "tournamentId": wanted.tournament or None,
        "marketId": wanted.market or None,
        "version": 0 if row is None else row["config_version"],
        "changedBy": None if row is None else row["changed_by"],
        "changedAt": None if row is None else row["changed_at"],
        "own": row is not None,
    }


def _shown(row: Row) -> dict[str, Any]:
    scope = _scope(Wanted(row["tournament_id"], row["market_id"]), row)
    return {**scope, "parameters": _plain(parse_config(row["body"], version=row["config_version"]))}


async def _effective(reader: Reader, client: str, wanted: Wanted) -> dict[str, Any]:
    """The scope with the parameters that count in it, its own or inherited."""
    row = await configs.find(reader, client, wanted.tournament, wanted.market)
    if row is not None:
        return _shown(row)
    held = await configs.load(reader)
    return {**_scope(wanted, None), "parameters": _plain(held.of(client, wanted.tournament, wanted.market))}


@routes.get("/clients/{client}/parameters", response_model=ScopeParameters, responses=ABSENT)
async def get_parameters(caller: Caller, reader: Reader, client: PathClient, wanted: InScope) -> ExactJSON:
    """The parameters that count in a scope: the client's default, a tournament, or a market type of a tournament."""
    await known(reader, client)
    return ExactJSON(await _effective(reader, client, wanted))


@routes.get("/clients/{client}/parameters/versions", response_model=Page[ScopeParameters], responses=ABSENT)
async def list_parameter_versions(caller: Caller, reader: Reader, client: PathClient, window: PageWindow) -> ExactJSON:
    """Every version of every scope of the client, newest first: who changed what, and when."""
    await known(reader, client)
    return await listed(reader, "parameters", configs.versions(client), (trading_configs.c.config_id,), window, _shown)


@routes.put("/clients/{client}/parameters", response_model=ScopeParameters, responses={**ABSENT, **CONFLICT})
async def put_parameters(
    caller: Caller,
    writer: Writer,
    client: PathClient,
    wanted: InScope,
    body: GivenParameters,
    expected: Expected = None,
) -> ExactJSON:
    """Set a scope's parameters; quotes follow within a second or two.

    What is left out has the value of the scope above as it is now (the product's defaults for ``default``).
    """
    await known(writer, client, lock=True)
    old = await _effective(writer, client, wanted)
    if expected is not None and expected != old["version"]:
        raise Refusal(409, f"The version is {old['version']} now, not {expected}: read it and try again")
    config = _checked(body, await _base(writer, client, wanted))
    await configs.save(writer, client, wanted.tournament, configs.as_plain(config), caller.by, market_id=wanted.market)
    new = await _effective(writer, client, wanted)
    await note(writer, caller, "parameters.put", wanted.subject(), client, old=old, new=new)
    return ExactJSON(new)


async def _base(reader: Reader, client: str, wanted: Wanted) -> TradingConfig:
    if wanted.name == "default":
        return parse_config(DEFAULTS, version=0)
    held = await configs.load(reader)
    return held.of(client, wanted.above.tournament, wanted.above.market)


def _checked(body: Any, base: TradingConfig) -> TradingConfig:
    given = {name: value for name, value in body.model_dump().items() if value is not None}
    try:
        return parse_config(given, version=0, base=base)
    except BadConfig as error:
        name = str(error).split(" ", 1)[0]
        raise invalid(str(error), to_camel(name) if name in KINDS else "parameters") from None
