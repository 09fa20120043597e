"""Order groups: a rolling limit on matched contracts that cancels the group (kalshi sheet, section 8)."""

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from overround.paper.kalshi.wire import ApiError, count
from overround.paper.store import Store

WINDOW_MS = 15_000
KIND = "kalshi_group"
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


def _restored(body: Any) -> OrderGroup:
    matched = [(at, Decimal(size)) for at, size in body["matched"]]
    return OrderGroup(**{**body, "limit": Decimal(body["limit"]), "matched": matched})


def limit_of(body: dict[str, Any]) -> Decimal:
    """The limit from ``contracts_limit`` or ``contracts_limit_fp``, 1 to 1,000,000 contracts."""
    raw = body.get("contracts_limit_fp", body.get("contracts_limit"))
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise ApiError(400, "invalid_parameters", "contracts_limit is required")
    try:
        limit = Decimal(raw)
    except ArithmeticError as error:
        raise ApiError(400, "invalid_parameters", "contracts_limit must be a number") from error
    if not limit.is_finite() or not 1 <= limit <= 1_000_000:
        raise ApiError(400, "invalid_parameters", "contracts_limit must be between 1 and 1000000")
    return limit


class Groups:
    """All order groups, kept in ``store``; a match and a joining are committed with their order.

    ``cancel`` takes an order off the book, ``tell`` publishes a change.
    """

    def __init__(self, cancel: Callable[[str, str], None], tell: GroupEvent, store: Store) -> None:
        self._cancel, self._tell, self._store = cancel, tell, store
        self._groups: dict[str, OrderGroup] = {name: _restored(body) for name, body in store.all(KIND)}

    def _save(self, group: OrderGroup) -> None:
        matched = [(at, str(size)) for at, size in group.matched]
        self._store.put(KIND, group.group_id, {**asdict(group), "limit": str(group.limit), "matched": matched})

    def _changed(self, kind: str, group: OrderGroup) -> None:
        self._save(group)
        self._store.commit()
        self._tell(kind, group)

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
        self._changed("created", group)
        return group

    def admit(self, account: str, group_id: str) -> None:
        """Refuse an order for an unknown or triggered group."""
        if self.get(account, group_id).triggered:
            raise ApiError(400, "order_group_triggered", "the order group was triggered and not reset")

    def join(self, account: str, group_id: str, order_id: str) -> None:
        group = self.get(account, group_id)
        group.orders.append(order_id)
        self._save(group)

    def leave(self, account: str, group_id: str, order_id: str) -> None:
        """Forget an order that was refused after all."""
        group = self.get(account, group_id)
        group.orders.remove(order_id)
        self._save(group)

    def matched(self, group_id: str, size: Decimal, now_ms: int) -> None:
        """Count a match and trigger the group when its rolling total reaches the limit."""
        group = self._groups.get(group_id)
        if group is None:
            return
        group.matched = [*((at, n) for at, n in group.matched if at > now_ms - WINDOW_MS), (now_ms, size)]
        self._save(group)
        if not group.triggered and sum(n for _, n in group.matched) >= group.limit:
            self.trigger(group)

    def trigger(self, group: OrderGroup) -> None:
        group.triggered = True
        self._cancel_orders(group, "OrderGroupTriggered")
        self._changed("triggered", group)

    def reset(self, group: OrderGroup) -> None:
        group.triggered, group.matched = False, []
        self._changed("reset", group)

    def resize(self, group: OrderGroup, limit: Decimal) -> None:
        group.limit = limit
        self._changed("limit_updated", group)

    def delete(self, group: OrderGroup) -> None:
        self._cancel_orders(group, "OrderGroupDeleted")
        del self._groups[group.group_id]
        self._store.delete(KIND, group.group_id)
        self._store.commit()
        self._tell("deleted", group)

    def _cancel_orders(self, group: OrderGroup, reason: str) -> None:
        for order_id in group.orders:
            self._cancel(order_id, reason)
        group.orders = []


def group_json(group: OrderGroup) -> dict[str, Any]:
    return {"contracts_limit_fp": count(group.limit), "is_auto_cancel_enabled": True, "exchange_index": 0}
