"""Write-through persistence of the paper world, so that venues continue where they stopped."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import orjson


class Store:
    """Objects by kind and id in one SQLite file; ``path`` None keeps them in memory. Writes last after ``commit``."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(str(path) if path else ":memory:", check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS objects (kind TEXT, id TEXT, body BLOB, PRIMARY KEY (kind, id))")

    def put(self, kind: str, key: str, body: object) -> None:
        """Save a JSON-ready object; Decimals must already be strings."""
        self._db.execute(
            "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, key, orjson.dumps(body)),
        )

    def delete(self, kind: str, key: str) -> None:
        """Forget one object; harmless when it is not there."""
        self._db.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, key))

    def all(self, kind: str) -> Iterator[tuple[str, object]]:
        """Every object of a kind in the order first saved."""
        rows = self._db.execute("SELECT id, body FROM objects WHERE kind = ? ORDER BY rowid", (kind,)).fetchall()
        return ((key, orjson.loads(body)) for key, body in rows)

    def get(self, kind: str, key: str) -> object | None:
        row = self._db.execute("SELECT body FROM objects WHERE kind = ? AND id = ?", (kind, key)).fetchone()
        return None if row is None else orjson.loads(row[0])

    def commit(self) -> None:
        self._db.commit()

    def close(self) -> None:
        self._db.commit()
        self._db.close()
