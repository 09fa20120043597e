"""What the store promises: order of first saving, and nothing lost by a killed process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from overround.paper.store import Store


def test_saving_again_keeps_the_place_in_the_order() -> None:
    store = Store(None)
    for key in ("a", "b", "a"):
        store.put("k", key, {"n": key})
    store.put("k", "a", {"n": "new"})
    assert list(store.all("k")) == [("a", {"n": "new"}), ("b", {"n": "b"})]


def test_kinds_are_apart_and_missing_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "world.db")
    store.put("k", "a", 1)
    assert (store.get("k", "a"), store.get("other", "a"), list(store.all("other"))) == (1, None, [])
    store.delete("k", "a")
    store.delete("k", "a")
    assert store.get("k", "a") is None
    store.close()


def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    script = (
        "import os,signal,sys;from pathlib import Path;from overround.paper.store import Store;"
        "s=Store(Path(sys.argv[1]));s.put('k','kept',1);s.commit();s.put('k','lost',1);"
        "os.kill(os.getpid(),signal.SIGKILL)"
    )
    path = tmp_path / "world.db"
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", script, str(path)], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(Store(path).all("k")) == [("kept", 1)]
