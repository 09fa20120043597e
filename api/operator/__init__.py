"""What the firm's operators may do: a path, a class of keys and an OpenAPI tag of their own."""

from api.operator import audit, bookmakers, clients, controls, exchanges, keys, trading, waiting, watch

PARTS = (clients, keys, exchanges, bookmakers, trading, controls, watch, waiting, audit)
