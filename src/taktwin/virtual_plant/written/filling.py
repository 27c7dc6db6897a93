"""A past of a plant and its MES into a history on disk: samples in sealed hours, events beside them.

The store is that of the historian, so that whoever reads history finds what a plant would have left that
had lived. Commits hold so many hours of plant time, with the position up to which they go. A run that was
stopped plays the plant from its beginning again, for it is made of processes that nobody can store, writes
nothing that is there already, and goes on: what is kept then is what an uninterrupted run keeps.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from taktwin.errors import ConfigError, Mistake
from taktwin.history.hot import DuckHistory
from taktwin.history.store import (
    NOT_VOUCHED,
    Batch,
    EventRow,
    Origin,
    SampleColumns,
    Vouched,
)
from taktwin.history.values import VALUE_COLUMNS, ValueColumns, pack, pack_floats
from taktwin.plant.registry import Registry
from taktwin.virtual_plant.history import HistoryBatch, Recorder
from taktwin.virtual_plant.model import VirtualPlant
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.truth import Fact
from taktwin.virtual_plant.written.floor import HOUR_NS, Floor
from taktwin.virtual_plant.written.ledger import Ledger
from taktwin.virtual_plant.written.mes import Written
from taktwin.virtual_plant.written.routes import routes_of

COMMIT_HOURS = 6
AHEAD = 2  # commits that wait while the plant goes on
POSITION = "written:past"
RECIPE = "past.json"  # beside the history: what it was made of
# What people mean by a word of `--roles`; every role of the plant model is a word too.
GROUPS = {
    "state": ("state", "mode", "set_up", "blocked", "starved", "alarm_code"),
    "count": ("good_count", "reject_count"),
    "job": ("job", "serial", "made_serial", "product"),
    "power": ("power",),
}


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What a past is made of: the same recipe gives the same past."""

    plant: str  # hash of the plant folder
    physics: str  # SHA-256 of the physics
    seed: int
    from_ns: int
    roles: list[str]
    power_every_s: float
    without: list[str]  # types of events that are not kept
    version: int = 2  # of the way that it is made: another one makes another past


@dataclass(slots=True)
class Report:
    """What a run did."""

    rows: int = 0
    events: int = 0
    resumed_ns: int = 0  # 0: it began anew
    to_ns: int = 0
    orders_open: int = 0
    parts_finished: int = 0
    parts_scrapped: int = 0


@dataclass(slots=True)
class Chunk:
    """What is committed together."""

    to_ns: int
    batches: list[tuple[int, HistoryBatch]] = field(default_factory=list)  # (number in its origin, batch)
    events: list[EventRow] = field(default_factory=list)
    vouched: list[Vouched] = field(default_factory=list)


def roles_of(words: Iterable[str]) -> frozenset[str]:
    """Return the roles that words name, groups spelt out."""
    return frozenset(role for word in words for role in GROUPS.get(word, (word,)))


def with_power_every(registry: Registry, seconds: float) -> Registry:
    """Return the same plant whose machines report their power that seldom; 0: as they do."""
    if seconds <= 0:
        return registry
    signals = tuple(
        replace(signal, period_s=seconds) if signal.role == "power" else signal for signal in registry.signals
    )
    return replace(registry, signals=signals)


def physics_digest(physics: Physics) -> str:
    """Return the SHA-256 of a physics, whatever its file looked like."""
    return hashlib.sha256(msgspec.json.encode(physics, order="deterministic")).hexdigest()


class Past:
    """A plant with its floor, played hour by hour."""

    def __init__(
        self, registry: Registry, physics: Physics, recipe: Recipe, *,
        truth: Callable[[Fact], None] | None = None,
        written: Callable[[Ledger], Written] | None = None,
    ) -> None:  # fmt: skip
        """`written`: makes another MES than the written one, for tests."""
        self.events: list[EventRow] = []
        self.rows = 0
        routes = routes_of(registry)
        ledger = Ledger(registry, self.events.append, without=frozenset(recipe.without))
        mes = Written(registry, routes, ledger) if written is None else written(ledger)
        self.mes = mes
        self.floor = Floor(
            registry, physics, routes, mes, start_ns=recipe.from_ns, seed=recipe.seed, truth=truth
        )  # fmt: skip
        roles = roles_of(recipe.roles)
        self.plant = VirtualPlant(
            with_power_every(registry, recipe.power_every_s), physics, start_ns=recipe.from_ns,
            seed=recipe.seed, sink=self.floor.hear, roles=roles, lead=self.floor,
        )  # fmt: skip
        self.floor.open(self.plant)
        self._recorder = Recorder(self.plant.registry)
        self._numbers: dict[tuple[str, str], int] = {}
        self._vouching = sorted({
            (signal.connection, str(signal.equipment)) for signal in registry.signals
            if signal.role in roles and signal.connection
            and registry.connections[signal.connection].connector != "mqtt"
        })  # fmt: skip

    def advance(self, to_ns: int) -> Chunk:
        """Play up to an instant, and return what was said until then."""
        chunk = Chunk(to_ns)
        at_ns = self.plant.now_ns
        chunk.vouched = [Vouched(*each, at_ns, to_ns) for each in self._vouching]
        while at_ns < to_ns:
            end_ns = min((at_ns // HOUR_NS + 1) * HOUR_NS, to_ns)
            reports, columns = self.plant.advance_columns(end_ns)
            for batch in self._recorder.batches(reports, columns, from_ns=at_ns, to_ns=end_ns):
                key = (batch.connection, batch.unit)
                self._numbers[key] = self._numbers.get(key, 0) + 1
                chunk.batches.append((self._numbers[key], batch))
                self.rows += len(batch)
            at_ns = end_ns
        chunk.events = self.events[:]
        self.events.clear()
        return chunk


def fill(
    folder: Path, registry: Registry, physics: Physics, recipe: Recipe, *, to_ns: int,
    truth: Callable[[Fact], None] | None = None,
    progress: Callable[[int], None] | None = None,
    until: Callable[[], bool] = lambda: False,
) -> Report:  # fmt: skip
    """Write the past of a plant up to the end of an instant's hour into the history of a folder, or the rest.

    Parameters
    ----------
    folder : the historian's own folder; it holds this past and nothing else
    truth : takes what really happened, from the beginning on, also of what is written already
    progress : told the plant time that is on disk after each commit
    until : whether to stop before the next commit, as if broken off

    Raises
    ------
    ConfigError
        If the folder holds another past, or a history that nobody wrote like this.
    StoreError
        If the disk refused: what was committed stays, and the run may be taken up again.
    """
    done_ns = _prepared(folder, recipe)
    store = DuckHistory(folder, site=registry.site)
    try:
        return _filled(store, registry, physics, recipe, done_ns, to_ns, truth, progress, until)
    finally:
        store.close()


def _prepared(folder: Path, recipe: Recipe) -> int:
    """Return up to where the past of a folder is written, 0: there is none."""
    kept = folder / RECIPE
    if not kept.exists():
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(
                [Mistake(str(folder), 1, "folder", "a history of something else", "an empty folder")]
            )
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(msgspec.json.format(msgspec.json.encode(recipe)))
        return 0
    before = msgspec.json.decode(kept.read_bytes(), type=Recipe)
    wrong = [
        Mistake(str(kept), 1, name, str(getattr(recipe, name)), str(getattr(before, name)))
        for name in Recipe.__struct_fields__ if getattr(before, name) != getattr(recipe, name)
    ]  # fmt: skip
    if wrong:
        raise ConfigError(wrong)
    return recipe.from_ns


def _filled(
    store: DuckHistory, registry: Registry, physics: Physics, recipe: Recipe, known_ns: int, to_ns: int,
    truth: Callable[[Fact], None] | None, progress: Callable[[int], None] | None,
    until: Callable[[], bool],
) -> Report:  # fmt: skip
    done_ns = store.positions().get(POSITION, 0)
    to_ns = -(-to_ns // HOUR_NS) * HOUR_NS  # scans are cut and numbered by the hour, wherever a run ends
    _seal(store, done_ns)  # what a stop left between its commit and its files
    past = Past(registry, physics, recipe, truth=truth)
    store.learn(registry.prefix, [signal.id for signal in registry.signals])
    ids = store.signal_ids([signal.id for signal in registry.signals])
    writer = _Writer(store, ids, recipe.from_ns, progress)
    report = Report(resumed_ns=done_ns)
    at_ns = recipe.from_ns
    try:
        while at_ns < to_ns and not until():
            step_ns = COMMIT_HOURS * HOUR_NS
            end_ns = min((at_ns // step_ns + 1) * step_ns, to_ns)
            # What is there already ends with a chunk: none is written in part.
            at_ns = done_ns if at_ns < done_ns < end_ns else end_ns
            chunk = past.advance(at_ns)
            report.events += len(chunk.events)
            if at_ns > done_ns:
                writer.put(chunk)
    finally:
        writer.close()
    past.plant.finish()
    tally = past.plant.world.tally
    report.rows, report.to_ns = past.rows, at_ns
    report.orders_open = len(past.mes.open)
    report.parts_finished, report.parts_scrapped = tally.finished, tally.scrapped
    return report


class _Writer:
    """Commits and seals in a thread of its own, so that the plant goes on meanwhile."""

    def __init__(
        self, store: DuckHistory, ids: np.ndarray[tuple[int], np.dtype[np.int32]], epoch_ns: int,
        progress: Callable[[int], None] | None,
    ) -> None:  # fmt: skip
        self._store = store
        self._ids = ids
        self._epoch_ns = epoch_ns
        self._progress = progress
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="past-writer")
        self._waiting: deque[Future[None]] = deque()

    def put(self, chunk: Chunk) -> None:
        """Hand a chunk over. Raises StoreError where one before it failed."""
        while len(self._waiting) >= AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._write, chunk))

    def close(self) -> None:
        """Write what was handed over, and end. Raises StoreError where something failed."""
        try:
            while self._waiting:
                self._waiting.popleft().result()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _write(self, chunk: Chunk) -> None:
        samples = [_columns(chunk, self._ids, self._epoch_ns)] if chunk.batches else []
        batch = Batch(samples=samples, events=chunk.events, vouched=chunk.vouched,
                      positions={POSITION: chunk.to_ns})  # fmt: skip
        self._store.append_past(batch, sealed_to_ns=chunk.to_ns // HOUR_NS * HOUR_NS)
        if self._progress is not None:
            self._progress(chunk.to_ns)


def _seal(store: DuckHistory, upto_ns: int) -> None:
    for hour in store.hot_hours():
        if hour.hour_ns + HOUR_NS <= upto_ns:
            store.seal(hour.hour_ns)


def _columns(
    chunk: Chunk, ids: np.ndarray[tuple[int], np.dtype[np.int32]], epoch_ns: int
) -> SampleColumns:  # fmt: skip
    """Return all batches of a chunk as one: a table costs the same for ten rows as for ten thousand."""
    # Arrays first: so the values of all batches are packed as two pieces.
    numbered = sorted(chunk.batches, key=lambda each: not isinstance(each[1].values, np.ndarray))
    batches = [batch for _, batch in numbered]
    origins = sorted({(batch.connection, batch.unit) for batch in batches})
    place = {origin: number for number, origin in enumerate(origins)}
    arrays = [each.values for each in batches if isinstance(each.values, np.ndarray)]
    others = [value for each in batches if isinstance(each.values, list) for value in each.values]
    values = [pack_floats(np.concatenate(arrays))] if arrays else []
    values += [pack(others)] if others else []
    sizes = [len(batch) for batch in batches]
    return SampleColumns(
        origins=[Origin(connection, unit, epoch_ns) for connection, unit in origins],
        scan_origin=np.array([place[each.connection, each.unit] for each in batches], np.int32),
        scan_sequence=np.array([number for number, _ in numbered], np.int64),
        scan_rows=np.array(sizes, np.int32),
        scan_ingest_ns=np.array([each.to_ns for each in batches], np.int64),
        scan_as_of_ns=np.full(len(batches), NOT_VOUCHED, np.int64),
        signal=ids[np.concatenate([each.signals for each in batches])],
        source_ns=np.concatenate([each.source_ns for each in batches]),
        values=ValueColumns(*(
            pa.concat_arrays([getattr(each, name) for each in values]) for name in VALUE_COLUMNS
        )),
        quality=np.repeat(np.array([each.quality for each in batches], np.uint8), sizes),
        recorded_ns=chunk.to_ns,
    )  # fmt: skip
