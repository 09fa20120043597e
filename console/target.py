"""Which ledger a command works on: the configured one, or that of the running ``up``."""

from pydantic import SecretStr

from console.embedded.process import StartError
from console.state import State
from overround.settings import Settings


def database_url(settings: Settings) -> str:
    """Raises ``StartError`` when there is none."""
    found = settings.database_url or State(settings.state_dir).read_run().get("databaseUrl", "")
    if not found:
        raise StartError(f"nothing runs on {settings.state_dir} (OVERROUND_STATE_DIR), and DATABASE_URL is not set")
    return str(found)


def secret_key(settings: Settings) -> SecretStr:
    """The configured key, or the one made for this state directory."""
    if settings.secret_key.get_secret_value():
        return settings.secret_key
    if settings.database_url:
        raise StartError("OVERROUND_SECRET_KEY: not set; it must be the one the API runs with")
    return SecretStr(State(settings.state_dir).secret())
