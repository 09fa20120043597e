"""What the console needs of the engine, imported only when used."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.embedded import children
from console.embedded.process import Part, StartError


@dataclass(frozen=True, slots=True)
class Product:
    """The real thing; tests replace single methods."""

    def venues(self, state: Path, env: Mapping[str, str]) -> list[Part]:
        """The paper venues: they need no ledger and start at once."""
        return children.parts(children.PAPER, state, env)

    def processes(self, state: Path, env: Mapping[str, str]) -> list[Part]:
        """What starts when ledger, Temporal and venues are there."""
        return children.parts(children.COMMANDS, state, env)

    def attributes(self) -> Mapping[str, str]:
        from workflows.attributes import ATTRIBUTES

        return ATTRIBUTES

    def check_database(self, database_url: str) -> None:
        """Raises ``StartError`` with the server's own words, without the password."""
        import psycopg

        from overround.ledger.db import normalise

        try:
            psycopg.connect(normalise(database_url).replace("+psycopg", "", 1), connect_timeout=10).close()
        except psycopg.OperationalError as error:
            raise StartError(f"DATABASE_URL: {' '.join(str(error).split())}") from None
        except psycopg.ProgrammingError:
            raise StartError("DATABASE_URL: not a PostgreSQL address (postgresql://user:password@host/name)") from None

    def feed(self, paper: Mapping[str, Any]) -> dict[str, str]:
        """The settings that make the paper feed everybody's odds feed."""
        feed = paper["feed"]
        return {
            "ODDSPAPI_API_KEY": feed["key"],
            "OVERROUND_ODDSPAPI_REST_URL": feed["rest"],
            "OVERROUND_ODDSPAPI_WS_URL": feed["ws"],
        }

    def migrate(self, database_url: str) -> None:
        from overround.ledger.migrate import upgrade

        upgrade(database_url)

    def paper(self, state: Path) -> dict[str, Any]:
        """What the paper venues said about themselves."""
        body = json.loads((state / "paper.json").read_text())
        if not isinstance(body, dict):
            raise StartError(f"the paper venues wrote no object to {state / 'paper.json'}")
        return body

    def seed(self, database_url: str, paper: Mapping[str, Any], secret_key: str, trading: Mapping[str, Any]) -> str:
        """Clients, accounts, keys and trading settings of the demo; returns the demo API key."""
        from overround.domain.config import BadConfig
        from overround.ledger.seed import demo

        try:
            return demo(database_url, paper=paper, secret_key=secret_key, trading=trading)
        except BadConfig as error:
            raise StartError(f"OVERROUND_TRADING_CONFIG: {error}") from None

    def progress(self, database_url: str) -> str:
        """The live line."""
        from console.progress import line

        return line(database_url)
