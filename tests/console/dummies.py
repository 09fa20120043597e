"""Tiny children in place of the product's. ``python -m tests.console.dummies [--fresh]`` is an ``up`` of them."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from console import config
from console.embedded.children import python_part
from console.embedded.process import Part, StartError
from console.product import Product
from console.up import Session

SERVES = """
import os, pathlib, signal, sys, time
def leave(*_):
    with open(os.environ["OVERROUND_STATE_DIR"] + f"/{sys.argv[1]}.feed", "w") as file:
        file.write(os.environ.get("ODDSPAPI_API_KEY", "") + " " + os.environ.get("OVERROUND_ODDSPAPI_WS_URL", ""))
    with open(os.environ["OVERROUND_STATE_DIR"] + "/stops", "a") as file:
        file.write(sys.argv[1] + "\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
pathlib.Path(os.environ["OVERROUND_READY_FILE"]).touch()
while True:
    time.sleep(60)
"""
DIES = "import sys; print('no such thing as MAGIC_SETTING'); sys.exit(3)"
DIES_LAST = f"""
import os, time
ready = [os.environ["OVERROUND_STATE_DIR"] + "/" + name + ".ready" for name in ("trading", "streamers")]
while not all(map(os.path.exists, ready)):
    time.sleep(0.01)
{DIES}
"""
REFUSES = "import sys; print('ODDSPAPI_API_KEY: the feed refused it'); sys.exit(78)"
STUBBORN = SERVES.replace("signal.signal(signal.SIGTERM, leave)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
NAMES = ("paper", "trading", "streamers", "api")


def dummy(name: str, state: Path, script: str = SERVES, env: Mapping[str, str] | None = None) -> Part:
    return python_part(name, ["-S", "-c", script, name], state, {"OVERROUND_STATE_DIR": str(state), **(env or {})})


class Dummies(Product):
    """``DUMMY_API`` replaces the script of the child of that name."""

    def venues(self, state: Path, env: Mapping[str, str]) -> list[Part]:
        return [self._dummy(name, state, env) for name in NAMES[:1]]

    def processes(self, state: Path, env: Mapping[str, str]) -> list[Part]:
        return [self._dummy(name, state, env) for name in NAMES[1:]]

    def _dummy(self, name: str, state: Path, env: Mapping[str, str]) -> Part:
        return dummy(name, state, os.environ.get(f"DUMMY_{name.upper()}", SERVES), env)

    def migrate(self, database_url: str) -> None:
        self.check_database(database_url)

    def paper(self, state: Path) -> dict[str, Any]:
        return {"admin": "http://127.0.0.1:1/admin", "feed": {"key": "paper", "rest": "http://r", "ws": "ws://w"}}

    def seed(self, database_url: str, paper: Mapping[str, Any], secret_key: str, trading: Mapping[str, Any]) -> str:
        return "demo-key"

    def progress(self, database_url: str) -> str:
        return "all is well"


def main() -> int:
    try:
        Session(config.load(), Dummies(), fresh="--fresh" in sys.argv).run()
    except StartError as error:
        print(f"overround: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
