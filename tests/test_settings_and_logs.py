"""Settings come from the environment under the names the docs give, and secrets show up nowhere."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr, ValidationError

from overround.logs import configure
from overround.settings import Settings


@pytest.mark.parametrize("name", ["DATABASE_URL", "OVERROUND_DATABASE_URL"])
def test_plain_and_prefixed_names_are_the_same_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "postgresql://db.invalid/ledger")
    assert Settings().database_url == "postgresql://db.invalid/ledger"


def test_every_setting_has_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.invalid:7233")
    monkeypatch.setenv("ODDSPAPI_API_KEY", "feed-key")
    monkeypatch.setenv("OVERROUND_API_PORT", "8123")
    monkeypatch.setenv("OVERROUND_LOG_LEVEL", "info")
    found = Settings()
    assert (found.temporal_address, found.api_port, found.log_level) == ("temporal.invalid:7233", 8123, "info")
    assert found.oddspapi_api_key.get_secret_value() == "feed-key"


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERROUND_API_PORT", "eight thousand")
    with pytest.raises(ValidationError, match="api_port"):
        Settings()


def test_no_secret_is_in_the_settings_repr() -> None:
    found = Settings(
        secret_key=SecretStr("pepper"),
        oddspapi_api_key=SecretStr("feed-key"),
        database_url="postgresql://user:password@db.invalid/ledger",
    )
    for secret in ("pepper", "feed-key", "password"):
        assert secret not in repr(found) + str(found)


@pytest.fixture
def logs() -> Iterator[None]:
    """Logging as it was before, afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_every_line_is_one_json_object(logs: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    structlog.get_logger("ours").info("quoting", account="kalshi-demo")
    logging.getLogger("theirs").warning("it is %s", "late")
    structlog.get_logger("ours").debug("not at this level")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("theirs").exception("failed")
    ours, theirs, failed = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["account"], ours["level"]) == ("quoting", "kalshi-demo", "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("it is late", "theirs", "warning")
    assert failed["exception"][0]["exc_value"] == "broken"
    assert all("timestamp" in line for line in (ours, theirs, failed))


@pytest.mark.parametrize("name", ["ours", "theirs"])
def test_an_exception_is_told_without_what_its_functions_held(
    name: str, logs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("info")

    def sign(private_key: str) -> None:
        raise ValueError("broken")

    logger = structlog.get_logger(name) if name == "ours" else logging.getLogger(name)
    try:
        sign("-".join(("the", "key")))
    except ValueError:
        logger.exception("failed")
    said = capsys.readouterr().err
    assert "the-key" not in said
    (failure,) = json.loads(said)["exception"]
    assert (failure["exc_type"], failure["frames"][-1]["name"]) == ("ValueError", "sign")


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "hpack.hpack", "websockets.client"])
def test_libraries_that_log_credentials_stay_quiet_at_any_level(
    name: str, logs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("debug")
    logging.getLogger(name).info("GET https://feed.invalid/?apiKey=secret")
    logging.getLogger(name).warning("slow")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["slow"]


def test_an_unknown_level_means_warning(logs: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure("chatty")
    structlog.get_logger().info("no")
    structlog.get_logger().warning("yes")
    assert json.loads(capsys.readouterr().err)["event"] == "yes"
