"""`taktwin <command>`: reads the words, calls the one function that does it, returns its exit code.

A command's module is imported when the command is called, so that `taktwin version` does not load a
database.
"""

from __future__ import annotations

import argparse
import importlib
import os
import select
import sys
from collections.abc import Sequence
from typing import NamedTuple

from taktwin import __version__
from taktwin.errors import TaktwinError


class Command(NamedTuple):
    """Where a command lives: a module of this package and two functions in it."""

    about: str
    module: str
    run: str  # (options) -> exit code
    add_arguments: str = "add_arguments"  # (parser) -> None


COMMANDS = {
    "demo": Command("run a plant whose machines are played", "up", "demo", "add_demo_arguments"),
    "up": Command("run a plant until told to stop", "up", "up"),
    "commission": Command("run a change that is not built yet, as if it were", "commission", "commission"),
    "check": Command("say every mistake in a plant folder, with file and line", "check", "run"),
    "browse": Command("list what a machine offers: addresses for the plant folder", "browse", "browse"),
    "state": Command("print what every work unit of a running installation does", "ask", "state"),
    "replay": Command("print the plant as it was at an instant", "ask", "replay", "add_replay_arguments"),
    "whatif": Command("what would be in each of some scenarios, beside doing nothing", "whatif", "whatif"),
    "backtest": Command("predictions of the past beside what came: errors, ranks", "backtest", "backtest"),
    "history": Command("print what is kept: status, rows, the plant at an instant", "history", "history"),
    "generate": Command("weeks of a played plant and its MES into a history", "generate", "generate"),
    "learn": Command("models out of a history, for a plant folder to bring along", "learn", "learn"),
    "import": Command("bring exports of another historian into the history", "importer", "import_history"),
    "send": Command("what an ERP would send: orders, job lists; a line for each part", "sender", "send"),
    "people": Command("who may sign in, with which roles; codes and tokens", "people", "people"),
    "simulate": Command(
        "fit: a model of the plant out of an event log, with its evidence", "simulate", "simulate"
    ),
    "calibrate": Command("the simulated plant's parameters out of its own history", "calibrate", "calibrate"),
    "models": Command("versions of the models that advise; letting one go live", "models", "models"),
    "verify-audit": Command(
        "prove that a journal of the MES or of the ledger was never changed", "audit", "verify_audit"
    ),
    "doctor": Command(
        "check what an installation needs, and what runs", "ask", "doctor", "add_doctor_arguments"
    ),
    "version": Command("print the version", "main", "version", "no_arguments"),
}

READER_GONE = 141  # as a shell says of a tool that SIGPIPE ended


def main(words: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code: 0 done, 1 found something wrong, 2 misused.

    A reader that has seen enough, as `| head` has, ends the command as a shell's own tools end: quietly.
    """
    try:
        code = run(sys.argv[1:] if words is None else words)
        sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        code = READER_GONE
    sys.exit(code)


def _reader_is_gone() -> bool:
    """Return whether nobody reads what is printed; what is left to print then goes nowhere."""
    output = select.poll()
    output.register(sys.stdout.fileno(), select.POLLOUT)
    if not any(state & select.POLLERR for _, state in output.poll(0)):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)  # else the interpreter complains when it ends
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return True


def run(words: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    name = words[0] if words else ""
    if name not in COMMANDS:
        print(usage(), file=sys.stdout if name in ("-h", "--help") else sys.stderr)
        return 0 if name in ("-h", "--help") else 2
    command = COMMANDS[name]
    module = importlib.import_module(f"taktwin.cli.{command.module}")
    parser = argparse.ArgumentParser(prog=f"taktwin {name}", description=command.about)
    getattr(module, command.add_arguments)(parser)
    options = parser.parse_args(words[1:])
    try:
        return int(getattr(module, command.run)(options))
    except TaktwinError as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def usage() -> str:
    """Return the list of commands."""
    lines = ["usage: taktwin <command> ...", ""]
    lines += [f"  {name:<12} {command.about}" for name, command in COMMANDS.items()]
    return "\n".join([*lines, "", "taktwin <command> --help tells more."])


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare that a command takes no words."""


def version(_: argparse.Namespace) -> int:
    """Print the version."""
    print(f"taktwin {__version__}")
    return 0
