"""Trading settings per client, tournament and market, each change a new version.

Tournament 0 is the client's default, market 0 every market of the tournament. The narrowest settings count alone.
"""

from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.config import TradingConfig, parse_config
from overround.ledger import choices
from overround.ledger import tables as t
from overround.ledger.choices import Choices

DEFAULT = 0
SCOPE = (t.trading_configs.c.client, t.trading_configs.c.tournament_id, t.trading_configs.c.market_id)


class Configs:
    """Every client's settings at one moment. ``version`` is the newest change it holds."""

    def __init__(
        self, version: int, bodies: dict[tuple[str, int, int], TradingConfig], choices: Choices | None = None
    ) -> None:
        self.version = version
        self.choices = choices or Choices({})
        self._bodies = bodies
        self._traded: dict[tuple[str, int, int], TradingConfig] = {}

    def of(self, client: str, tournament_id: int, market_id: int = DEFAULT) -> TradingConfig:
        """The market's settings, else the tournament's, else the client's default, else the product's."""
        for tournament, market in scopes(tournament_id, market_id):
            if (client, tournament, market) in self._bodies:
                return self._bodies[(client, tournament, market)]
        return TradingConfig()

    def traded(self, client: str, tournament_id: int, market_id: int) -> TradingConfig:
        """What ``of`` says, without what the client itself does not want traded."""
        key = (client, tournament_id, market_id)
        if key not in self._traded:
            self._traded[key] = self.choices.within(self.of(*key), client, tournament_id)
        return self._traded[key]

    def offered(self, client: str) -> list[int]:
        """Outcomes that the operator's settings let the client trade anywhere."""
        mine = [config for key, config in self._bodies.items() if key[0] == client]
        return sorted({outcome for config in mine for outcome in config.outcomes})


def scopes(tournament_id: int, market_id: int) -> list[tuple[int, int]]:
    """Where the settings of a market may come from, the narrowest first."""
    return [(tournament_id, market_id), (tournament_id, DEFAULT), (DEFAULT, DEFAULT)]


async def newest(connection: AsyncConnection) -> int:
    """A number that grows with every change; cheap enough to ask every second."""
    query = select(func.coalesce(func.max(t.trading_configs.c.config_id), 0))
    return int((await connection.execute(query)).scalar_one()) + await choices.newest(connection)


async def load(connection: AsyncConnection) -> Configs:
    """The last version of every client's settings, and what it chose."""
    before = await newest(connection)
    rows = await connection.execute(
        select(t.trading_configs).ext(distinct_on(*SCOPE)).order_by(*SCOPE, t.trading_configs.c.config_version.desc())
    )
    bodies = {
        (row.client, row.tournament_id, row.market_id): parse_config(row.body, version=row.config_version)
        for row in rows
    }
    return Configs(before, bodies, await choices.load(connection))


def versions(client: str) -> Select[Any]:
    """Every version of every scope of a client."""
    return select(t.trading_configs).where(t.trading_configs.c.client == client)


async def find(
    connection: AsyncConnection, client: str, tournament_id: int, market_id: int = DEFAULT
) -> RowMapping | None:
    """The newest version of exactly this scope, None when it has no settings of its own."""
    query = (
        versions(client)
        .where(t.trading_configs.c.tournament_id == tournament_id, t.trading_configs.c.market_id == market_id)
        .order_by(t.trading_configs.c.config_version.desc())
        .limit(1)
    )
    row: RowMapping | None = (await connection.execute(query)).mappings().one_or_none()
    return row


async def save(
    connection: AsyncConnection,
    client: str,
    tournament_id: int,
    body: dict[str, Any],
    by: str,
    market_id: int = DEFAULT,
) -> TradingConfig:
    """Check and append a new version of a scope's settings; raises ``BadConfig`` when wrong.

    Two who save at once get a version each: the second waits for the first.
    """
    await choices.in_turn(connection)
    query = select(func.coalesce(func.max(t.trading_configs.c.config_version), 0)).where(
        t.trading_configs.c.client == client,
        t.trading_configs.c.tournament_id == tournament_id,
        t.trading_configs.c.market_id == market_id,
    )
    version = (await connection.execute(query)).scalar_one() + 1
    config = parse_config(body, version=version)
    plain = orjson.loads(orjson.dumps(body, default=str))
    await connection.execute(
        insert(t.trading_configs).values(
            client=client,
            tournament_id=tournament_id,
            market_id=market_id,
            config_version=version,
            body=plain,
            changed_by=by,
        )
    )
    return config


def as_plain(config: TradingConfig) -> dict[str, Any]:
    """A config as JSON-ready values that ``parse_config`` reads back."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(asdict(config), default=str))
    plain.pop("version")
    return plain
