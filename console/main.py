"""The ``overround`` command. Heavy things are imported by the command that needs them."""

import os
import sys
import traceback
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from console.embedded.process import StartError
from console.trouble import of_the_ledger

app = typer.Typer(
    help="A durable market-making engine for sports prediction markets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command()
def up(fresh: Annotated[bool, typer.Option("--fresh", help="Delete the state directory first.")] = False) -> None:
    """Run everything on this machine until Ctrl-C."""
    from console import config
    from console.up import up as run_up

    run_up(config.load(), fresh=fresh)


@app.command()
def status() -> None:
    """What runs, and where. Exit code 1 when nothing does."""
    from console import config
    from console.status import status as show

    raise typer.Exit(show(config.load()))


@app.command()
def migrate() -> None:
    """Bring DATABASE_URL, and TEMPORAL_ADDRESS if set, to what this version needs."""
    from console import config
    from console.migrate import migrate as apply

    apply(config.load())


def _delegate(name: str, summary: str) -> None:
    """A command whose options live in ``console.NAME``, imported when it is called."""

    @app.command(name, help=summary, context_settings=PASS_ON, add_help_option=False)
    def command(context: typer.Context) -> None:
        inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        inner.command(help=summary)(getattr(import_module(f"console.{name}"), name))
        inner(args=context.args, prog_name=f"overround {name}")


_delegate("check", "Compare the ledger with the venues' and bookmakers' own books.")
_delegate("replay", "Play recordings through the engine, to settlement.")
_delegate("keys", "Create, list and revoke API keys.")
_delegate("accounts", "Add, list and try exchange and bookmaker accounts.")
_delegate("trading", "Show and change trading settings while everything runs.")
_delegate("alarms", "List what a person must know now.")
_delegate("control", "Pause, stop or resume quoting, for one client or for everybody.")


def run() -> NoReturn:
    """Run the command and leave: the Temporal SDK aborts a normal interpreter exit now and then (stack, 4.2)."""
    code = guarded()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1
    os._exit(code)


def guarded() -> int:
    """Run the command of ``sys.argv``; its exit code."""
    try:
        app()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except StartError as error:
        print(f"overround: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        line = of_the_ledger(error)
        if line is None:
            traceback.print_exc()
            return 70
        print(f"overround: {line}", file=sys.stderr)
        return 1
    return 0
