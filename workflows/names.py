"""Task queues and task deadlines. One queue here; one per exchange and bookmaker account when shards move apart."""

from datetime import timedelta

TRADING = "overround"
TASK_TIMEOUT = timedelta(seconds=5)
"""How long a dead worker holds a workflow whose task it had begun (others move within the sticky second); also what a
replay on an overloaded machine must fit into."""
