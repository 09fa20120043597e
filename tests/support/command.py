"""``overround`` commands inside this process: what a child would print and return, without starting Python again."""

import io
import os
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest.mock import patch

from console.main import guarded


def console(*arguments: str, stdin: str = "", **env: str) -> CompletedProcess[str]:
    """Run one command with the environment changed by ``env``. Commands that run an event loop of their own get a
    thread without one."""
    out, err, codes = io.StringIO(), io.StringIO(), [-1]

    def run() -> None:
        codes[:] = [guarded()]

    with (
        patch.dict(os.environ, env),
        patch.object(sys, "argv", ["overround", *arguments]),
        patch.object(sys, "stdin", io.StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    return CompletedProcess(list(arguments), codes[0], out.getvalue(), err.getvalue())
