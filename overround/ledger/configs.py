"""Trading settings per client and tournament, each change a new version (tournament 0 is the client's default)."""

from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.config import TradingConfig, parse_config
from overround.ledger import tables as t

DEFAULT = 0


class Configs:
    """Every client's settings at one moment. ``version`` is the newest change it holds."""

    def __init__(self, version: int, bodies: dict[tuple[str, int], TradingConfig]) -> None:
        self.version = version
        self._bodies = bodies

    def of(self, client: str, tournament_id: int) -> TradingConfig:
        """The tournament's settings, else the client's default, else the product's."""
        for key in ((client, tournament_id), (client, DEFAULT)):
            if key in self._bodies:
                return self._bodies[key]
        return TradingConfig()


async def newest(connection: AsyncConnection) -> int:
    """The id of the last change; cheap enough to ask every second."""
    query = select(func.coalesce(func.max(t.trading_configs.c.config_id), 0))
    return int((await connection.execute(query)).scalar_one())


async def load(connection: AsyncConnection) -> Configs:
    """The last version of every client's settings."""
    rows = await connection.execute(
        select(t.trading_configs)
        .ext(distinct_on(t.trading_configs.c.client, t.trading_configs.c.tournament_id))
        .order_by(
            t.trading_configs.c.client, t.trading_configs.c.tournament_id, t.trading_configs.c.config_version.desc()
        )
    )
    bodies = {(row.client, row.tournament_id): parse_config(row.body, version=row.config_version) for row in rows}
    return Configs(await newest(connection), bodies)


async def save(
    connection: AsyncConnection, client: str, tournament_id: int, body: dict[str, Any], by: str
) -> TradingConfig:
    """Check and append a new version of a tournament's settings; raises ``BadConfig`` when wrong."""
    query = select(func.coalesce(func.max(t.trading_configs.c.config_version), 0)).where(
        t.trading_configs.c.client == client, t.trading_configs.c.tournament_id == tournament_id
    )
    version = (await connection.execute(query)).scalar_one() + 1
    config = parse_config(body, version=version)
    plain = orjson.loads(orjson.dumps(body, default=str))
    await connection.execute(
        insert(t.trading_configs).values(
            client=client, tournament_id=tournament_id, config_version=version, body=plain, changed_by=by
        )
    )
    return config


def as_plain(config: TradingConfig) -> dict[str, Any]:
    """A config as JSON-ready values that ``parse_config`` reads back."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(asdict(config), default=str))
    plain.pop("version")
    return plain
