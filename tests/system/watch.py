"""Watches a running product as its pages show it, and notes when something was first to be seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.system.product import Product

EVERY_S = 0.2


@dataclass
class Seen:
    """What the pages show at one moment."""

    connections: dict[str, str]  # name -> state
    processes: dict[str, dict[str, Any]]
    alarms: set[str]  # active ones
    at_s: float


@dataclass
class Expectation:
    """Something that has to be seen, and by when."""

    name: str
    true: Callable[[Seen], bool]
    since_s: float
    seen_s: float | None = None
    gone_s: float | None = None

    @property
    def after_s(self) -> float | None:
        """Return how long it took to be seen."""
        return None if self.seen_s is None else self.seen_s - self.since_s


@dataclass
class Watch:
    """Looks at the product in a thread of its own; use as a context manager."""

    product: Product
    every_s: float = EVERY_S
    expectations: list[Expectation] = field(default_factory=list)
    looks: int = 0
    lost: dict[str, float] = field(default_factory=dict)  # connections that were ever not running
    silences: dict[str, float] = field(default_factory=dict)  # alarms of silence that ever stood
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Watch:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(30)

    def expect(self, name: str, true: Callable[[Seen], bool], since_s: float) -> Expectation:
        """Look out for something from an instant on."""
        made = Expectation(name, true, since_s)
        self.expectations.append(made)
        return made

    def look(self) -> Seen:
        """Return what the pages show now."""
        system = self.product.api("/system")
        alarms = self.product.api("/alarms")["alarms"]
        return Seen(
            connections={c["name"]: c["state"] for c in system["connections"]},
            processes={p["component"]: p for p in system["processes"]},
            alarms={a["alarm"] for a in alarms if a["active"]},
            at_s=time.monotonic(),
        )

    def _run(self) -> None:
        while not self._end.wait(self.every_s):
            try:
                seen = self.look()
            except OSError as error:  # the portal itself may be the one that was killed
                self.failures.append(str(error))
                continue
            self.looks += 1
            for name, state in seen.connections.items():
                if state not in ("running", "degraded"):
                    self.lost.setdefault(name, seen.at_s)
            for alarm in seen.alarms:
                if alarm.endswith((":silent", ":frozen")):
                    self.silences.setdefault(alarm, seen.at_s)
            for each in self.expectations:
                if each.seen_s is None:
                    if each.true(seen):
                        each.seen_s = seen.at_s
                elif each.gone_s is None and not each.true(seen):
                    each.gone_s = seen.at_s
