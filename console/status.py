"""``overround status``: what ``run.json`` says, checked against the processes themselves."""

from pathlib import Path

from console.embedded.process import running
from console.product import Product
from console.state import State
from console.up import banner_lines
from overround.settings import Settings


def status(settings: Settings, product: Product | None = None) -> int:
    """Print it; 0 when everything runs, 1 when something does not."""
    facts = State(settings.state_dir).read_run()
    if not facts:
        print(f"nothing runs on {settings.state_dir} (OVERROUND_STATE_DIR)")
        return 1
    for line in banner_lines(facts, Path(settings.state_dir)):
        print(line)
    dead = [name for name, pid in facts["pids"].items() if not running(pid)]
    for name, pid in facts["pids"].items():
        print(f"  {name:<12} pid {pid}{' DEAD' if name in dead else ''}")
    if not dead:
        print((product or Product()).progress(facts["databaseUrl"]))
    return 1 if dead else 0
