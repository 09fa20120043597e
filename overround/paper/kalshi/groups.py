"""Order groups: a rolling limit on matched contracts that cancels the group (kalshi sheet, section 8)."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from overround.paper.kalshi.wire import ApiError, count

WINDOW_MS = 15_000
GroupEvent = Callable[[str, "OrderGroup"], None]


@dataclass(slots=True)
class OrderGroup:
    """``matched`` holds (epoch ms, contracts) of the last window; ``triggered`` refuses new orders until a reset."""

    group_id: str
    account: str
    limit: Decimal
    triggered: bool = False
    orders: list[str] = field(default_factory=list)
    matched: list[tuple[int, Decimal]] = field(default_factory=list)


def limit_of(body: dict[str, Any]) -> Decimal:
    """The limit from ``contracts_limit`` or ``contracts_limit_fp``, 1 to 1,000,000 contracts."""
    raw = body.get("contracts_limit_fp", body.get("contracts_limit"))
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise ApiError(400, "invalid_parameters", "contracts_limit is required")
    try:
        limit = Decimal(raw)
    except ArithmeticError as error:
        raise ApiError(400, "invalid_parameters", "contracts_limit must be a number") from error
    if not 1 <= limit <= 1_000_000:
        raise ApiError(400, "invalid_parameters", "contracts_limit must be between 1 and 1000000")
    return limit


class Groups:
    """All order groups; ``cancel`` takes an order off the book, ``tell`` publishes a change."""

    def __init__(self, cancel: Callable[[str, str], None], tell: GroupEvent) -> None:
        self._cancel, self._tell = cancel, tell
        self._groups: dict[str, OrderGroup] = {}

    def of(self, account: str) -> list[OrderGroup]:
        return [group for group in self._groups.values() if group.account == account]

    def get(self, account: str, group_id: str) -> OrderGroup:
        group = self._groups.get(group_id)
        if group is None or group.account != account:
            raise ApiError(404, "not_found", f"order group {group_id} not found")
        return group

    def create(self, account: str, limit: Decimal) -> OrderGroup:
        group = OrderGroup(str(uuid.uuid4()), account, limit)
        self._groups[group.group_id] = group
        self._tell("created", group)
        return group

    def admit(self, account: str, group_id: str) -> None:
        """Refuse an order for an unknown or triggered group."""
        if self.get(account, group_id).triggered:
            raise ApiError(400, "order_group_triggered", "the order group was triggered and not reset")

    def join(self, account: str, group_id: str, order_id: str) -> None:
        self.get(account, group_id).orders.append(order_id)

    def matched(self, group_id: str, size: Decimal, now_ms: int) -> None:
        """Count a match and trigger the group when its rolling total reaches the limit."""
        group = self._groups.get(group_id)
        if group is None:
            return
        group.matched = [*((at, n) for at, n in group.matched if at > now_ms - WINDOW_MS), (now_ms, size)]
        if not group.triggered and sum(n for _, n in group.matched) >= group.limit:
            self.trigger(group)

    def trigger(self, group: OrderGroup) -> None:
        group.triggered = True
        self._cancel_orders(group, "OrderGroupTriggered")
        self._tell("triggered", group)

    def reset(self, group: OrderGroup) -> None:
        group.triggered, group.matched = False, []
        self._tell("reset", group)

    def resize(self, group: OrderGroup, limit: Decimal) -> None:
        group.limit = limit
        self._tell("limit_updated", group)

    def delete(self, group: OrderGroup) -> None:
        self._cancel_orders(group, "OrderGroupDeleted")
        del self._groups[group.group_id]
        self._tell("deleted", group)

    def _cancel_orders(self, group: OrderGroup, reason: str) -> None:
        for order_id in group.orders:
            self._cancel(order_id, reason)
        group.orders = []


def group_json(group: OrderGroup) -> dict[str, Any]:
    return {"contracts_limit_fp": count(group.limit), "is_auto_cancel_enabled": True, "exchange_index": 0}
