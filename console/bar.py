"""The live line of ``overround replay``: below a progress bar with the recording's clock where a terminal shows it."""

import time
from collections.abc import Callable, Iterable
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from console.live import LiveLine


class _WithLine(Progress):
    """A progress bar with a line of text below it, cut to the terminal's width."""

    line = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield Text(self.line, no_wrap=True, overflow="ellipsis")


class Bar(LiveLine):
    """Shows ``played`` inside its ``with`` block."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream, clock)
        columns = (BarColumn(40), TaskProgressColumn(), TextColumn("{task.fields[clock]}"))
        terminal = Console(file=self._stream, highlight=False)
        self._progress = _WithLine(*columns, console=terminal, auto_refresh=False) if self._terminal else None
        self._task = self._progress.add_task("", total=1.0, clock="") if self._progress else None
        self._shown = False

    def __enter__(self) -> "Bar":
        if self._progress is not None:
            self._progress.start()
            self._shown = True
        return self

    def __exit__(self, *exc: object) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._shown = False

    def say(self, text: str) -> None:
        if self._shown and self._progress is not None:
            self._progress.console.print(text, markup=False, soft_wrap=True)
        else:
            super().say(text)

    def played(self, done: float, clock: str, line: Callable[[], str]) -> None:
        """``done`` is the share played, ``clock`` the recording's; ``line`` is asked for only when it will be shown."""
        if self._progress is None or self._task is None:
            self.show(lambda: f"{done:4.0%} · {clock} · {line()}")
            return
        self._progress.line = line()
        self._progress.update(self._task, completed=done, clock=clock, refresh=True)
