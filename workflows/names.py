"""Task queues. One queue per kind of work here; per exchange and bookmaker account when shards move to other machines."""

TRADING = "overround"
