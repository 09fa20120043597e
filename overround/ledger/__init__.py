"""Postgres: what the client API reads and what money is checked against. Workflows write it, through activities."""
