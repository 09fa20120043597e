"""``python -m console`` is ``overround``."""

from console.main import run

run()
