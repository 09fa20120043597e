"""Task queues. One for all work here; one per exchange and bookmaker account when shards move out."""

TRADING = "overround"
