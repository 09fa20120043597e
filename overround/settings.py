"""Every setting of every process, read from the environment (``OVERROUND_*`` and four plain names) and ``.env``."""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Ports: 0 picks a free one. URLs left empty mean the embedded part of that name."""

    model_config = SettingsConfigDict(env_prefix="OVERROUND_", env_file=".env", extra="ignore", populate_by_name=True)

    state_dir: Path = Path(".state")
    database_url: str = Field("", repr=False, validation_alias=AliasChoices("DATABASE_URL", "OVERROUND_DATABASE_URL"))
    temporal_address: str = Field("", validation_alias=AliasChoices("TEMPORAL_ADDRESS", "OVERROUND_TEMPORAL_ADDRESS"))
    temporal_namespace: str = "default"
    temporal_ui_url: str = ""
    oddspapi_api_key: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("ODDSPAPI_API_KEY", "OVERROUND_ODDSPAPI_API_KEY")
    )
    oddspapi_rest_url: str = "https://v5.oddspapi.io/en"
    oddspapi_ws_url: str = "wss://v5.oddspapi.io/ws"
    secret_key: SecretStr = SecretStr("")
    """Encrypts credentials at rest and peppers API keys; generated into the state directory when empty."""

    postgres_port: int = 0
    temporal_port: int = 7233
    temporal_ui_port: int = 8233
    temporal_metrics_port: int = 7299
    api_host: str = "127.0.0.1"
    api_port: int = 8000
    paper_port: int = 9100
    """First of the paper venues' consecutive ports."""
    paper_seed: int = 1
    trading_config: Path | None = None
    """TOML file with trading settings per tournament; the defaults are in docs/trading.md."""
    log_level: str = "warning"
    workflow_sandbox: bool = False
    """Run workflows in Temporal's sandbox, as all tests do: safer for new workflow code, a sixth more CPU per quote."""
    rest_limit_per_minute: int = 100
    event_retention_hours: float = Field(24.0, gt=0)
    """How long a WebSocket client may be away and still be told everything it missed."""
