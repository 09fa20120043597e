"""What makes an order acceptable, in the venue's words (polymarket sheet, sections 5.1 to 5.3 and 14)."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from overround.paper.polymarket.accounts import ApiKey, Trader
from overround.paper.polymarket.identity import ORDER, digest_of, exchange_of, order_signer
from overround.paper.polymarket.listing import Condition, Side
from overround.paper.polymarket.render import plain_number

UNIT = Decimal(1_000_000)
LONGEST_NUMBER, LONGEST_AMOUNT = 78, 20
"""Digits of what an order's fields may hold, and of amounts that are money."""
GTD_LEAD_SECONDS = 60
EARLY_EXIT_SECONDS = 60
AMOUNT_PLACES = {"0.1": 3, "0.01": 4, "0.005": 5, "0.0025": 6, "0.001": 5, "0.0001": 6}
FIELDS = (*(item["name"] for item in ORDER), "expiration", "signature")
OLD_FIELDS = {"nonce", "feeRateBps", "taker"}
MALFORMED = "Invalid order payload"
FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
WRONG_OWNER = "the order owner has to be the owner of the API KEY"
WRONG_SIGNER = "the order signer address has to be the address of the API KEY"


class OrderRefused(Exception):
    """The venue's text for an order it will not take."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A verified order, in contracts and price of its own asset."""

    order_id: str
    condition: Condition
    side: Side
    action: str
    price: Decimal
    size: Decimal
    kind: str
    post_only: bool
    expires_at: int | None
    maker: str
    expiration: str


def require(good: bool, text: str) -> None:
    if not good:
        raise OrderRefused(text)


def _shape(body: Any) -> dict[str, Any]:
    require(isinstance(body, dict) and isinstance(body.get("order"), dict), MALFORMED)
    order: dict[str, Any] = body["order"]
    require(not OLD_FIELDS & set(order), "order_version_mismatch")
    require(all(name in order for name in FIELDS), MALFORMED)
    for name in FIELDS:
        wanted = int if name in ("salt", "signatureType") else str
        require(isinstance(order[name], wanted) and not isinstance(order[name], bool), MALFORMED)
    numeric = ("tokenId", "makerAmount", "takerAmount", "expiration", "timestamp")
    require(all(order[name].isascii() and order[name].isdigit() for name in numeric), MALFORMED)
    require(all(len(order[name]) <= LONGEST_NUMBER for name in numeric), MALFORMED)
    require(0 <= order["salt"] < 1 << 53 and order["side"] in ("BUY", "SELL"), MALFORMED)
    require(body.get("orderType") in ("GTC", "GTD", "FOK", "FAK"), MALFORMED)
    return order


def _identity(order: dict[str, Any], body: dict[str, Any], trader: Trader, key: ApiKey, condition: Condition) -> str:
    require(body.get("owner") == key.key, WRONG_OWNER)
    kind = order["signatureType"]
    wallet = trader.wallet(kind)
    require(wallet is not None and order["maker"].lower() == wallet.lower(), WRONG_SIGNER)
    expected = wallet if kind == 3 else trader.address
    require(expected is not None and order["signer"].lower() == expected.lower(), WRONG_SIGNER)
    exchange, version = exchange_of(order["tokenId"], condition.neg_risk)
    try:
        recovered = order_signer(order, exchange, version)
        order_id = digest_of(order, exchange, version)
    except Exception as error:
        raise OrderRefused(MALFORMED) from error
    require(recovered is not None and recovered.lower() == trader.address.lower(), WRONG_SIGNER)
    return order_id


def _priced(order: dict[str, Any], order_id: str, condition: Condition, immediate: bool) -> tuple[Decimal, Decimal]:
    require(all(len(order[name]) <= LONGEST_AMOUNT for name in ("makerAmount", "takerAmount")), MALFORMED)
    maker, taker = Decimal(order["makerAmount"]) / UNIT, Decimal(order["takerAmount"]) / UNIT
    money, shares = (maker, taker) if order["side"] == "BUY" else (taker, maker)
    require(shares > 0 and money > 0, MALFORMED)
    given = maker if immediate else shares
    require(given == given.quantize(Decimal("0.01")), MALFORMED)
    asked = money / shares
    price = (asked / condition.tick).to_integral_value(ROUND_HALF_EVEN) * condition.tick
    slack = Decimal(1).scaleb(-AMOUNT_PLACES[plain_number(condition.tick)])
    on_grid = abs(price * shares - money) < slack and condition.tick <= price <= 1 - condition.tick
    shown = plain_number(asked.quantize(Decimal("0.000001")).normalize())
    wrong_tick = f"order {order_id} is invalid. Price ({shown}) breaks minimum tick size rule: {condition.tick}"
    require(on_grid, wrong_tick)
    too_small = f"order {order_id} is invalid. Size ({plain_number(shares)}) lower than the minimum: "
    require(immediate or shares >= condition.min_size, too_small + plain_number(condition.min_size))
    return price, shares


def _expiry(order: dict[str, Any], kind: str, now: float) -> int | None:
    expiration = int(order["expiration"])
    if kind != "GTD":
        require(expiration == 0, "invalid expiration")
        return None
    require(expiration >= now + GTD_LEAD_SECONDS, "invalid expiration")
    return expiration - EARLY_EXIT_SECONDS


def examine(body: Any, trader: Trader, key: ApiKey, conditions: dict[str, Condition], now: float) -> Ticket:
    """The order as the engine may take it. ``conditions`` is by asset id, ``now`` epoch seconds."""
    order = _shape(body)
    condition = conditions.get(order["tokenId"])
    if condition is None:
        raise OrderRefused("Invalid token id")
    order_id = _identity(order, body, trader, key, condition)
    kind, post_only = body["orderType"], body.get("postOnly", False)
    immediate = kind in ("FOK", "FAK")
    require(not (post_only and immediate), "invalid post-only order: only GTC and GTD order types are allowed")
    price, size = _priced(order, order_id, condition, immediate)
    return Ticket(
        order_id=order_id,
        condition=condition,
        side=condition.side_of(order["tokenId"]),
        action=order["side"].lower(),
        price=price,
        size=size,
        kind=kind,
        post_only=bool(post_only),
        expires_at=_expiry(order, kind, now),
        maker=order["maker"],
        expiration=order["expiration"],
    )
