"""Task queues and task deadlines. Queues per exchange and bookmaker account when shards move apart."""

from datetime import timedelta

TRADING = "overround"
TASK_TIMEOUT = timedelta(seconds=5)
"""How long a dead worker holds a workflow whose task it had begun (others move within the sticky second); also what a
replay on an overloaded machine must fit into."""


def hedging(queue: str) -> str:
    """The queue of the hedges that belong to ``queue``: a fill must not wait behind the odds."""
    return f"{queue}-hedging"
