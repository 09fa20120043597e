"""Order groups: the rolling window, the trigger, and what a client hears of them."""

from collections.abc import Callable

import pytest

from overround.paper.kalshi.groups import WINDOW_MS, Groups, OrderGroup, limit_of
from overround.paper.kalshi.wire import ApiError
from overround.paper.store import Store
from tests.exchanges.kalshi.desk import D


class Log:
    """Groups with what they cancelled and told."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.told: list[str] = []
        self.groups = Groups(lambda order_id, _: self.cancelled.append(order_id), self._tell, Store(None))
        self.group = self.groups.create("maker", D(10))
        for order_id in ("o-1", "o-2"):
            self.groups.join("maker", self.group.group_id, order_id)

    def _tell(self, kind: str, _: OrderGroup) -> None:
        self.told.append(kind)

    def match(self, size: str, at: int) -> None:
        self.groups.matched(self.group.group_id, D(size), at)


def test_limit_reached_inside_the_window_cancels_everything_once() -> None:
    log = Log()
    log.match("6", 1000)
    assert not log.group.triggered
    log.match("4", 1000 + WINDOW_MS - 1)
    log.match("5", 1000 + WINDOW_MS)
    assert log.cancelled == ["o-1", "o-2"]
    assert log.told == ["created", "triggered"]


def test_matches_older_than_the_window_are_forgotten() -> None:
    log = Log()
    log.match("6", 1000)
    log.match("6", 1000 + WINDOW_MS)
    assert (log.group.triggered, log.cancelled) == (False, [])


def test_triggered_group_takes_no_order_until_it_is_reset() -> None:
    log = Log()
    log.groups.trigger(log.group)
    with pytest.raises(ApiError, match="not reset"):
        log.groups.admit("maker", log.group.group_id)
    log.groups.reset(log.group)
    log.groups.admit("maker", log.group.group_id)
    log.match("9", 1)
    assert not log.group.triggered


def test_group_belongs_to_its_account() -> None:
    log = Log()
    with pytest.raises(ApiError, match="not found"):
        log.groups.get("somebody", log.group.group_id)
    assert log.groups.of("somebody") == []


def test_deleting_cancels_and_forgets() -> None:
    log = Log()
    log.groups.delete(log.group)
    assert (log.cancelled, log.groups.of("maker"), log.told) == (["o-1", "o-2"], [], ["created", "deleted"])
    log.match("100", 1)
    assert log.told[-1] == "deleted"


@pytest.mark.parametrize("change", ["resize", "trigger", "reset"])
def test_every_change_is_told(change: str) -> None:
    log = Log()
    actions: dict[str, Callable[[], None]] = {
        "resize": lambda: log.groups.resize(log.group, D(3)),
        "trigger": lambda: log.groups.trigger(log.group),
        "reset": lambda: log.groups.reset(log.group),
    }
    actions[change]()
    assert log.told[-1] == {"resize": "limit_updated", "trigger": "triggered", "reset": "reset"}[change]


@pytest.mark.parametrize("body", [{}, {"contracts_limit": 0}, {"contracts_limit": 1_000_001}, {"contracts_limit": "x"}])
def test_limit_out_of_range_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ApiError, match="contracts_limit"):
        limit_of(body)


def test_limit_comes_whole_or_fixed_point() -> None:
    assert limit_of({"contracts_limit": 500}) == D(500)
    assert limit_of({"contracts_limit_fp": "750.00"}) == D(750)
