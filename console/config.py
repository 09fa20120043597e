"""Settings as the console reads them: a mistake is one line that names the setting."""

import tomllib
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from console.embedded.process import StartError
from overround.settings import Settings

PLAIN_NAMES = {
    "database_url": "DATABASE_URL",
    "temporal_address": "TEMPORAL_ADDRESS",
    "oddspapi_api_key": "ODDSPAPI_API_KEY",
}
ADDRESSES = ("postgresql://", "postgres://", "postgresql+psycopg://")
PORTS = ("postgres_port", "temporal_port", "temporal_ui_port", "temporal_metrics_port", "api_port", "paper_port")


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PLAIN_NAMES.get(field, f"OVERROUND_{field.upper()}")


def load() -> Settings:
    """Every setting, checked. Raises ``StartError``."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise StartError("; ".join(_explain(detail) for detail in error.errors())) from None
    for name in PORTS:
        if not 0 <= getattr(settings, name) <= 65535:
            raise StartError(f"{variable(name)}: {getattr(settings, name)} is not a port")
    if settings.database_url and not settings.database_url.startswith(ADDRESSES):
        raise StartError("DATABASE_URL: not a PostgreSQL address (postgresql://user:password@host/name)")
    trading(settings)
    return settings


def trading(settings: Settings) -> dict[str, Any]:
    """The trading configuration file as it stands; empty without one. Raises ``StartError``."""
    file = settings.trading_config
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StartError(f"OVERROUND_TRADING_CONFIG: {file} cannot be read: {error}") from None


def _explain(detail: ErrorDetails) -> str:
    field = str(detail["loc"][0]) if detail["loc"] else "settings"
    name = field if field.isupper() else variable(field)
    return f"{name}: {detail['msg']}"
