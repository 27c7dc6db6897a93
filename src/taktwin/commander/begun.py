"""Which commands were begun, and what came of each: a file that survives the process.

A line is on disk before a machine hears of a command. So whoever asks again under an id gets the answer
of then; and what was begun and never ended, because the commander was killed in between, is said to be
unknown and is not repeated.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import msgspec

from taktwin.contracts.machine_commands import DEADLINE_NS_MAX, MachineCommand, MachineResult, Outcome

FILE = "begun.jsonl"
KEEP_NS = 7 * DEADLINE_NS_MAX  # later nobody asks again, and whoever did would be late


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    begun_ns: int
    command: MachineCommand | None = None  # of the begin
    result: MachineResult | None = None  # of the end


class Begun:
    """The book of commands that a machine may have heard of."""

    def __init__(self, folder: Path, now_ns: int) -> None:
        self._path = folder / FILE
        self._commands: dict[str, MachineCommand] = {}
        self._begun_ns: dict[str, int] = {}
        self._results: dict[str, MachineResult] = {}
        self.unknown = 0  # commands that an earlier process began and did not end
        self._read(now_ns)
        self._file: IO[bytes] = self._written_anew()

    def _read(self, now_ns: int) -> None:
        if not self._path.exists():
            return
        decoder = msgspec.json.Decoder(_Line)
        for text in self._path.read_bytes().splitlines():
            try:
                line = decoder.decode(text)
            except msgspec.DecodeError:
                continue  # torn by a kill: it was not on disk, so no machine has heard of it
            if line.begun_ns < now_ns - KEEP_NS:
                continue
            if line.command is not None:
                self._commands[line.id] = line.command
                self._begun_ns[line.id] = line.begun_ns
            if line.result is not None:
                self._results[line.id] = line.result
        for name in self._commands.keys() - self._results.keys():
            self.unknown += 1
            self._results[name] = MachineResult(
                id=name, outcome=Outcome.UNKNOWN, place="commander",
                found="it ended while the command was under way",
                right="look at the machine: the command is not repeated by itself",
                begun_ns=self._begun_ns[name], ended_ns=now_ns,
            )  # fmt: skip

    def _written_anew(self) -> IO[bytes]:
        """Write what is still worth knowing into a new file, and return it open for more."""
        aside = self._path.with_suffix(".new")
        with aside.open("wb") as file:
            for name, command in self._commands.items():
                file.write(_text(_Line(id=name, begun_ns=self._begun_ns[name], command=command)))
                file.write(_text(_Line(id=name, begun_ns=self._begun_ns[name], result=self._results[name])))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path)
        return self._path.open("ab")

    def command(self, name: str) -> MachineCommand | None:
        """Return the command that was begun under an id."""
        return self._commands.get(name)

    def result(self, name: str) -> MachineResult | None:
        """Return what came of a command; None while nobody knows."""
        return self._results.get(name)

    def begin(self, command: MachineCommand, now_ns: int) -> None:
        """Write down that a command begins; on disk when this returns. Raises OSError."""
        assert command.id not in self._commands, "begun once"
        self._file.write(_text(_Line(id=command.id, begun_ns=now_ns, command=command)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._commands[command.id] = command
        self._begun_ns[command.id] = now_ns

    def end(self, result: MachineResult) -> None:
        """Write down what came of it. Lost with the power, it is unknown afterwards: which is the truth."""
        self._results[result.id] = result
        self._file.write(_text(_Line(id=result.id, begun_ns=self._begun_ns[result.id], result=result)))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _text(line: _Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"
