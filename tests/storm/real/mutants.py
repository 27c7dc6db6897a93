"""Processes that are broken on purpose: the check of a storm has to notice each of them.

STORM_MUTANT=<name> python -m tests.storm.real.mutants <installation.json>
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from taktwin.bus.forward import Forwarder
from taktwin.history.hot import DuckHistory
from taktwin.history.seen import SeenRanges
from taktwin.processes import historian, twin, wiring
from taktwin.twin.service import TwinService
from taktwin.twin.state import Source
from tests.storm.real import feeder


def counts_twice() -> None:
    """The historian stores a scan as often as it is delivered."""
    SeenRanges.add = lambda self, key, number, now_ns: True  # type: ignore[method-assign]


def commits_positions_without_rows() -> None:
    """The historian notes every third time how far it has read, and not what."""
    append = DuckHistory.append
    calls = iter(range(1 << 62))

    def forgetful(self: DuckHistory, batch: Any) -> Any:
        if batch.samples and next(calls) % 3 == 2:
            batch = type(batch)(positions=batch.positions)
        return append(self, batch)

    DuckHistory.append = forgetful  # type: ignore[method-assign]


def takes_no_notice_of_what_it_missed() -> None:
    """The twin goes on live after a start and reads no stream."""

    async def nothing(self: TwinService) -> None:
        for stream in self.positions:
            self.positions[stream] = await self._bus.last_sequence(stream)

    TwinService._read_streams = nothing  # type: ignore[method-assign]


def bridges_gaps() -> None:
    """The twin takes a source as vouched for through any silence, and from one gateway to the next."""
    vouch = Source.vouch

    def through(self: Source, epoch_ns: int, as_of_ns: int) -> bool:
        changed = vouch(self, epoch_ns, as_of_ns)
        self.known.add_span(self.known.starts[0], self.known.ends[-1])
        return changed

    Source.vouch = through  # type: ignore[method-assign]


def forgets_what_was_under_way() -> None:
    """The gateway does not send again what was under way when the broker went."""

    def spill(self: Forwarder, first: Any) -> None:
        self._acked.clear()
        self._buffer.append(list(self._fresh), mono_ns=self._clock.monotonic_ns())
        self._fresh.clear()
        self._in_memory.clear()
        self._on_disk = True

    Forwarder._spill = spill  # type: ignore[method-assign]


MUTANTS: dict[str, tuple[str, Callable[[], None]]] = {
    "counts_twice": ("historian", counts_twice),
    "commits_positions_without_rows": ("historian", commits_positions_without_rows),
    "takes_no_notice_of_what_it_missed": ("twin", takes_no_notice_of_what_it_missed),
    "bridges_gaps": ("twin", bridges_gaps),
    "forgets_what_was_under_way": ("gateway", forgets_what_was_under_way),
}
MAINS = {"historian": historian.main, "twin": twin.main, "gateway": feeder.main}

if __name__ == "__main__":
    of, break_it = MUTANTS[os.environ["STORM_MUTANT"]]
    break_it()
    wiring.run(MAINS[of])
