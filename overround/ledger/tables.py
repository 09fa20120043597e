"""Every table of the ledger. Money, prices and sizes are ``numeric``; times are ``timestamptz``; odds-feed ids keep
their form.

Rows written from workflows carry ``version``: a late or repeated projection changes nothing (design, section 3,
"Ledger").
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    FetchedValue,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from overround.ledger import live
from overround.ledger import rollups as rollups
from overround.ledger.schema import metadata as metadata


def _id(name: str) -> Column[int]:
    return Column(name, BigInteger, Identity(always=True), primary_key=True)


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _time(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True))


def _amount(name: str) -> Column[object]:
    return Column(name, Numeric, nullable=False, server_default=text("0"))


def _version() -> Column[int]:
    return Column("version", BigInteger, nullable=False, server_default=text("0"))


clients = Table(
    "clients",
    metadata,
    Column("client", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("bookmaker", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("odds_format", Text, nullable=False, server_default=text("'decimal'")),
    _now("created_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id("key_id"),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("last4", Text, nullable=False),
    Column("kind", Text, CheckConstraint("kind IN ('client', 'operator')"), nullable=False),
    Column("client", Text, ForeignKey("clients.client")),
    Column("label", Text, nullable=False, server_default=text("''")),
    _now("created_at"),
    _time("expires_at"),
    _time("last_used_at"),
    _time("revoked_at"),
)

exchange_accounts = Table(
    "exchange_accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("client", Text, ForeignKey("clients.client"), nullable=False),
    Column("exchange", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("status", Text, nullable=False, server_default=text("'starting'")),
    Column("status_reason", Text, nullable=False, server_default=text("''")),
    Column("currency", Text, nullable=False, server_default=text("'USD'")),
    Column("balance", Numeric),
    Column("available", Numeric),
    _time("balance_at"),
    Column("endpoints", JSONB, nullable=False),
    Column("options", JSONB, nullable=False, server_default=text("'{}'")),
    Column("secrets", LargeBinary, nullable=False),
    _now("created_at"),
)

bookmaker_accounts = Table(
    "bookmaker_accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("client", Text, ForeignKey("clients.client"), nullable=False),
    Column("bookmaker", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("status", Text, nullable=False, server_default=text("'starting'")),
    Column("status_reason", Text, nullable=False, server_default=text("''")),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("currency", Text, nullable=False, server_default=text("'USD'")),
    Column("min_stake", Numeric, nullable=False, server_default=text("1")),
    Column("stake_step", Numeric, nullable=False, server_default=text("0.01")),
    Column("balance", Numeric),
    _time("balance_at"),
    Column("endpoints", JSONB, nullable=False),
    Column("options", JSONB, nullable=False, server_default=text("'{}'")),
    Column("secrets", LargeBinary, nullable=False),
    _now("created_at"),
)

gates = Table(
    "gates",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    Column("paused_at", DateTime(timezone=True)),
    Column("pause_reason", Text),
    Column("stopped", Boolean, nullable=False, server_default=text("false")),
    Column("stopped_at", DateTime(timezone=True)),
    Column("stop_reason", Text),
    Column("soft_paused", Boolean, nullable=False, server_default=text("false")),
    Column("emergency", Boolean, nullable=False, server_default=text("false")),
    Column("system_since", DateTime(timezone=True)),
    Column("system_reason", Text),
    _version(),
)

fixtures = Table(
    "fixtures",
    metadata,
    Column("fixture_id", Text, primary_key=True),
    Column("sport_id", Integer, nullable=False),
    Column("sport", Text, nullable=False),
    Column("tournament_id", Integer, nullable=False),
    Column("tournament", Text, nullable=False),
    Column("participant1", Text, nullable=False),
    Column("participant2", Text, nullable=False),
    Column("start_time", DateTime(timezone=True), nullable=False),
    Column("status_id", Integer, nullable=False),
    Column("scores", JSONB, nullable=False, server_default=text("'{}'")),
    Column("clock", JSONB, nullable=False, server_default=text("'{}'")),
    _now("updated_at"),
    Index("fixtures_by_start", "start_time", "fixture_id"),
    Index("fixtures_by_sport", "sport_id", "start_time", "fixture_id"),
    Index("fixtures_by_tournament", "tournament_id", "start_time", "fixture_id"),
    Index("fixtures_by_status", "status_id", "start_time", "fixture_id"),
)

instruments = Table(
    "instruments",
    metadata,
    Column("exchange", Text, primary_key=True),
    Column("fixture_id", Text, primary_key=True),
    Column("market_id", Integer, primary_key=True),
    Column("outcome_id", Integer, primary_key=True),
    Column("proved", Boolean, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("venue_market", Text, nullable=False, server_default=text("''")),
    Column("contract", Text, nullable=False, server_default=text("''")),
    Column("body", JSONB),
    _now("checked_at"),
    Index("instruments_by_contract", "exchange", "contract"),
)

orders = Table(
    "orders",
    metadata,
    _id("order_id"),
    Column("client_order_id", Text, nullable=False, unique=True),
    Column("client", Text, ForeignKey("clients.client"), nullable=False),
    Column("account_id", Text, ForeignKey("exchange_accounts.account_id"), nullable=False),
    Column("exchange", Text, nullable=False),
    Column("fixture_id", Text, nullable=False),
    Column("tournament_id", Integer, nullable=False, server_default=text("0")),
    Column("market_id", Integer, nullable=False),
    Column("outcome_id", Integer, nullable=False),
    Column("venue_market", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("position", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("action", Text, nullable=False, server_default=text("'buy'")),
    Column("level", Integer, nullable=False, server_default=text("0")),
    Column("price", Numeric, nullable=False),
    Column("size", Numeric, nullable=False),
    _amount("filled"),
    _amount("remaining"),
    Column("status", Text, nullable=False),
    Column("matched_status", Text, nullable=False, server_default=text("'NOT_MATCHED'")),
    Column("settlement", Text, nullable=False, server_default=text("'UNDECIDED'")),
    Column("unknown", Boolean, nullable=False, server_default=text("false")),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("venue_order_id", Text),
    Column("odds", Numeric, nullable=False),
    Column("odds_limit", Numeric),
    Column("priced_at", DateTime(timezone=True), nullable=False),
    Column("config_version", Integer, nullable=False, server_default=text("0")),
    Column("payload", Text, nullable=False, server_default=text("''")),
    _time("expires_at"),
    _now("created_at"),
    _time("matched_at"),
    _time("ended_at"),
    _now("updated_at"),
    _version(),
    Index("orders_by_client", "client", "order_id", postgresql_include=["created_at"]),
    Index("orders_by_fixture", "fixture_id", "client", "order_id"),
    Index("orders_by_kind", "client", "exchange", "status", "order_id", postgresql_include=["created_at"]),
    Index("orders_by_venue_id", "account_id", "venue_order_id"),
    Index("orders_open", "client", "fixture_id", "order_id", postgresql_where=live.ORDER_OPEN),
    Index("orders_at_risk", "client", "fixture_id", postgresql_where=live.ORDER_AT_RISK),
    Index("orders_by_workflow", "workflow_id"),
)

fills = Table(
    "fills",
    metadata,
    _id("fill_id"),
    Column("account_id", Text, ForeignKey("exchange_accounts.account_id"), nullable=False),
    Column("venue_fill_id", Text, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("size", Numeric, nullable=False),
    Column("price", Numeric, nullable=False),
    Column("fee", Numeric, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("failed", Boolean, nullable=False, server_default=text("false")),
    _now("recorded_at"),
    UniqueConstraint("account_id", "venue_fill_id", "client_order_id", name="fills_once"),
    Index("fills_by_order", "client_order_id"),
)

hedges = Table(
    "hedges",
    metadata,
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), primary_key=True),
    Column("client", Text, ForeignKey("clients.client"), nullable=False),
    Column("fixture_id", Text, nullable=False),
    Column("market_id", Integer, nullable=False),
    Column("outcome_id", Integer, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    _amount("target"),
    _amount("done"),
    _amount("in_flight"),
    _amount("dust"),
    _amount("residual"),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    _now("opened_at"),
    _now("updated_at"),
    _version(),
    Index("hedges_by_fixture", "fixture_id", "client"),
    Index("hedges_open", "client", postgresql_where=live.HEDGE_OPEN),
)

bets = Table(
    "bets",
    metadata,
    _id("bet_id"),
    Column("request_id", UUID(as_uuid=False), nullable=False, unique=True),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("client", Text, ForeignKey("clients.client"), nullable=False),
    Column("account_id", Text, ForeignKey("bookmaker_accounts.account_id"), nullable=False),
    Column("bookmaker", Text, nullable=False),
    Column("fixture_id", Text, nullable=False),
    Column("market_id", Integer, nullable=False),
    Column("outcome_id", Integer, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("min_price", Numeric, nullable=False),
    Column("stake", Numeric, nullable=False),
    Column("placed_price", Numeric),
    _amount("placed_stake"),
    _amount("payout"),
    Column("status", Text, nullable=False),
    Column("refusal", Text),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("bookmaker_bet_id", Text),
    Column("settlement", Text),
    Column("of_order", BigInteger, FetchedValue(), nullable=False),
    Column("of_exchange", Text, FetchedValue(), nullable=False),
    Column("of_day", Date, FetchedValue(), nullable=False),
    _now("sent_at"),
    _time("placed_at"),
    _now("updated_at"),
    _version(),
    Index("bets_by_client", "client", "bet_id", postgresql_include=["of_day"]),
    Index("bets_by_fixture", "fixture_id", "client", "bet_id"),
    Index("bets_by_kind", "client", "of_exchange", "bookmaker", "status", "bet_id", postgresql_include=["of_day"]),
    Index("bets_by_order_id", "of_order", "bet_id"),
    Index("bets_standing", "client", "fixture_id", postgresql_where=live.BET_STANDING),
    Index("bets_by_order", "client_order_id"),
)

bet_parts = Table(
    "bet_parts",
    metadata,
    Column("request_id", UUID(as_uuid=False), ForeignKey("bets.request_id"), primary_key=True),
    Column("part_id", Text, primary_key=True),
    Column("bookmaker_bet_id", Text, nullable=False),
    Column("price", Numeric, nullable=False),
    Column("stake", Numeric, nullable=False),
    Column("currency", Text, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("settlement", Text),
)

dust = Table(
    "dust",
    metadata,
    _id("dust_id"),
    Column("client", Text, ForeignKey("clients.client"), nullable=False),
    Column("fixture_id", Text, nullable=False),
    Column("market_id", Integer, nullable=False),
    Column("outcome_id", Integer, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("payout", Numeric, nullable=False),
    Column("claimed_by", Text),
    _now("pooled_at"),
    UniqueConstraint("client_order_id", "step", name="dust_once"),
    Index("dust_free", "client", "fixture_id", "outcome_id", postgresql_where=text("claimed_by IS NULL")),
)

settlements = Table(
    "settlements",
    metadata,
    _id("settlement_id"),
    Column("client", Text, ForeignKey("clients.client"), nullable=False),
    Column("fixture_id", Text, nullable=False),
    Column("market_id", Integer, nullable=False),
    Column("outcome_id", Integer, nullable=False),
    Column("subject", Text, CheckConstraint("subject IN ('order', 'bet')"), nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("value", Numeric),
    Column("profit", Numeric, nullable=False),
    _amount("fee"),
    Column("workflow_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("supersedes", BigInteger, ForeignKey("settlements.settlement_id")),
    _now("booked_at"),
    UniqueConstraint("subject", "subject_id", "revision", name="settled_once"),
    Index("settlements_by_fixture", "client", "fixture_id"),
    Index("settlements_by_time", "client", "booked_at"),
)

fixture_settlements = Table(
    "fixture_settlements",
    metadata,
    Column("fixture_id", Text, primary_key=True),
    Column("workflow_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    _now("updated_at"),
    _version(),
)

trading_configs = Table(
    "trading_configs",
    metadata,
    _id("config_id"),
    Column("client", Text, ForeignKey("clients.client"), nullable=False),
    Column("tournament_id", Integer, nullable=False),
    Column("market_id", Integer, nullable=False, server_default=text("0")),
    Column("config_version", Integer, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("changed_by", Text, nullable=False, server_default=text("'system'")),
    _now("changed_at"),
    UniqueConstraint("client", "tournament_id", "market_id", "config_version", name="config_once"),
)

changes = Table(
    "changes",
    metadata,
    _id("change_id"),
    Column("client", Text),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False, server_default=text("''")),
    Column("body", JSONB(none_as_null=True)),
    Column("changed_by", Text, nullable=False),
    _now("changed_at"),
    Index("changes_by_subject", "client", "kind", "subject", "change_id"),
    Index("changes_by_kind", "kind", "change_id"),
)
"""Who changed or commanded what, and when; rows are only ever added (a trigger sees to it). ``body`` NULL removes."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("request_id", UUID(as_uuid=False), nullable=False, server_default=text("gen_random_uuid()")),
    _now("claimed_at"),
    Column("status", Integer),
    Column("body", Text),
    Index("idempotency_keys_by_age", "claimed_at"),
)
"""Answers given under an ``Idempotency-Key``, kept for a day; ``status`` NULL while the request is being answered."""

alarms = Table(
    "alarms",
    metadata,
    _id("alarm_id"),
    Column("kind", Text, nullable=False),
    Column("client", Text),
    Column("subject", Text, nullable=False),
    Column("message", Text, nullable=False),
    _now("raised_at"),
    _time("cleared_at"),
    Index("alarms_open", "kind", "subject", unique=True, postgresql_where=text("cleared_at IS NULL")),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
)

events = Table(
    "events",
    metadata,
    _id("event_id"),
    Column("channel", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("client", Text),
    Column("payload", JSONB, nullable=False),
    Column("old", JSONB, nullable=False, server_default=text("'{}'")),
    _now("at"),
    Index("events_by_client", "client", "event_id"),
)
"""What the WebSocket broadcasts, in the order of ``event_id``. ``client`` NULL is for everyone. A missing number may
still come while a transaction that was writing events then is open: read through ``overround.ledger.outbox``."""

outbox = Table(
    "outbox",
    metadata,
    Column("one", Boolean, CheckConstraint("one"), primary_key=True, server_default=text("true")),
    Column("pruned", BigInteger, nullable=False),
)
"""One row, or none yet: every event up to ``pruned`` has been deleted."""

rate_windows = Table(
    "rate_windows",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("used", Integer, nullable=False),
    prefixes=["UNLOGGED"],
)
"""Requests a client made in its current minute; shared by every API process, lost (and harmless so) in a crash."""
