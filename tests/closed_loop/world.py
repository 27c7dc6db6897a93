"""What machines said and people did in weeks of a plant, written down as it happened: to be said again.

A folder with the plant's own, whose connections play recorded files, a file of values for each of them, and
what people did, a line each. Nothing of what the rooms thought is in it: whoever hears it again must come to
that by itself.
"""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import msgspec
import yaml

from taktwin.contracts import samples
from taktwin.contracts.commands import ChangeTool, CommandData, MountTool
from taktwin.instants import rfc3339
from taktwin.plant.registry import Registry

DEEDS = "deeds.jsonl.gz"
KEPT = ("name", "address")  # of a connection: the addresses stay what they are


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did at an instant."""

    at_ns: int
    kind: str  # command | tool_in | orders
    name: str = ""  # of the command
    data: dict[str, Any] = {}
    person: str = ""
    at_terminal: bool = False
    unit: str = ""  # tool_in: where another insert is in, and somebody says so
    orders: str = ""  # the ERP's file


class World:
    """Writes down what reaches the rooms from outside."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        """Begin a recording of a plant whose own folder is `registry.folder`."""
        self._registry = registry
        shutil.copytree(registry.folder, folder / "plant", dirs_exist_ok=True)
        main = folder / "plant" / "plant.yaml"
        plant = yaml.safe_load(main.read_text(encoding="utf-8"))
        self._open = ExitStack()
        self._rows: dict[str, Any] = {}
        (folder / "plant" / "recorded").mkdir(exist_ok=True)
        for name in {signal.connection for signal in registry.signals}:
            path = folder / "plant" / "recorded" / f"{name}.csv.gz"
            self._rows[name] = csv.writer(self._opened(path))
            self._rows[name].writerow(("time", "address", "value"))
            kept = {key: plant["connections"][name][key] for key in KEPT if key in plant["connections"][name]}
            plant["connections"][name] = {
                **kept, "connector": "files", "endpoint": f"file:recorded/{name}.csv.gz",
                "settings": {"begin": "recorded"},
            }  # fmt: skip
        main.write_text(yaml.safe_dump(plant, sort_keys=False, allow_unicode=True), encoding="utf-8")
        self._deeds = self._opened(folder / DEEDS)

    def _opened(self, path: Path) -> TextIO:
        file = gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=3)  # noqa: SIM115
        return self._open.enter_context(file)

    def said(self, scan: samples.Scan) -> None:
        """Write down what a machine said."""
        for index, dt_ns, value in zip(scan.signals, scan.dt_ns, scan.values, strict=True):
            signal = self._registry.signals[index]
            if isinstance(value, bytes):
                continue  # spectra: nobody here looks at them, and a table has no bytes
            text = str(value).lower() if isinstance(value, bool) else str(value)
            self._rows[signal.connection].writerow((rfc3339(scan.t0_ns + dt_ns), signal.address, text))

    def did(self, at_ns: int, wish: CommandData, *, person: str, at_terminal: bool) -> None:
        """Write down what a person did and the MES took."""
        if isinstance(wish, ChangeTool | MountTool):
            return  # `tool_in` says it: which of the two it is, whoever hears it again finds out
        data = json.loads(msgspec.json.encode(wish))
        self._put(Deed(at_ns=at_ns, kind="command", name=wish.command_name, data=data, person=person,
                       at_terminal=at_terminal))  # fmt: skip

    def tool_in(self, at_ns: int, unit: str, person: str) -> None:
        """Write down that somebody said at the terminal that another insert is in."""
        self._put(Deed(at_ns=at_ns, kind="tool_in", unit=unit, person=person))

    def ordered(self, at_ns: int, orders: str) -> None:
        """Write down a file of the ERP."""
        self._put(Deed(at_ns=at_ns, kind="orders", orders=orders))

    def _put(self, deed: Deed) -> None:
        self._deeds.write(msgspec.json.encode(deed).decode() + "\n")

    def close(self) -> None:
        """End the recording."""
        self._open.close()


def deeds(folder: Path) -> Iterator[Deed]:
    """Yield what people did, in the order of time."""
    with gzip.open(folder / DEEDS, "rt", encoding="utf-8") as file:
        for line in file:
            yield msgspec.json.decode(line, type=Deed)
