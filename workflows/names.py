"""Task queues and task deadlines. One queue here; one per exchange and bookmaker account when shards move apart."""

from datetime import timedelta

TRADING = "overround"
TASK_TIMEOUT = timedelta(seconds=2)
"""How long a dead worker holds a money workflow (design, section 3, "Worker settings")."""
