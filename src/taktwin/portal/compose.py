"""Cut a picture to what one browser wants: JSON bodies of snapshots and frames. Pure.

Browsers with the same subscription and the same last version get the same bytes, encoded once;
only the sequence number in front differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from taktwin.portal import wire
from taktwin.portal.picture import Int64Array, Picture

MILLISECOND_NS = 1_000_000


@dataclass(frozen=True)
class Topics:
    """What a browser subscribed. `signals` is None for none, "*" for all, else sorted indices."""

    units: bool = False
    alarms: bool = False
    connections: bool = False
    hops: bool = False
    signals: tuple[int, ...] | str | None = None

    def wanted(self, size: int) -> npt.NDArray[np.bool_] | None:
        """Return a mask of the wanted signals, None for all of them."""
        if self.signals == "*":
            return None
        mask = np.zeros(size, dtype=np.bool_)
        if self.signals is not None:
            mask[np.array(self.signals, dtype=np.int64)] = True
        return mask


def parse_topics(names: Iterable[str], size: int) -> Topics:
    """Return the subscription that a list of topics means.

    Raises
    ------
    ValueError
        If a topic is unknown or names a signal that the registry does not have; the text says which.
    """
    chosen: dict[str, bool] = {}
    every = False
    indices: set[int] = set()
    for name in names:
        if name in ("units", "alarms", "connections", "hops"):
            chosen[name] = True
        elif name == "signals:*":
            every = True
        elif name.startswith("signals:"):
            for word in filter(None, name.removeprefix("signals:").split(",")):
                if not word.isdecimal() or int(word) >= size:
                    raise ValueError(f"signal {word!r} in {name[:60]!r}; the registry has 0 to {size - 1}")
                indices.add(int(word))
        else:
            raise ValueError(f"topic {name[:60]!r}")
    signals: tuple[int, ...] | str | None = "*" if every else tuple(sorted(indices)) or None
    return Topics(**chosen, signals=signals)


class Composer:
    """Makes the messages of one picture; remembers what it encoded until the picture changes."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._made: dict[tuple[Topics, int], bytes | None] = {}
        self._made_at = (0, 0)
        self._masks: dict[Topics, npt.NDArray[np.bool_] | None] = {}

    def snapshot(self, topics: Topics, *, seq: int, mode: str, speed: float, at_ms: int) -> bytes:
        """Return everything that was subscribed. Before the twin spoke, all is `never received`."""
        picture = self._picture
        index = self._select(topics, -1)
        head = {"type": "snapshot", "seq": seq, "t": at_ms, "mode": mode, "speed": speed}
        source_ns, confirmed_ns = picture.source_ns[index], picture.confirmed_ns[index]
        return wire.encode(
            head
            | {
                "i": index.tolist(),
                "v": [picture.values[i] for i in index.tolist()],
                "q": picture.quality[index].tolist(),
                "st": _instants_ms(source_ns),
                "cf": _instants_ms(confirmed_ns),
                "old": picture.stale[index].tolist(),
                "units": [wire.unit(u) for u in picture.units.since(-1)] if topics.units else [],
                "alarms": [wire.alarm(a) for a in picture.standing_alarms()] if topics.alarms else [],
                "buffers": [wire.buffer(b) for b in picture.buffers.since(-1)] if topics.units else [],
                "connections": self._connections(-1) if topics.connections else [],
                "fresh": self._fresh(),
            }
        )

    def frame(self, topics: Topics, *, since: int, seq: int, always: bool = False) -> bytes | None:
        """Return what changed after a version; None if nothing of it was subscribed.

        `always` makes a frame even then: in a replay the instant itself moves.
        """
        body = self._body(topics, since, always)
        return None if body is None else b'{"type":"frame","seq":%d,%b' % (seq, body)

    def _body(self, topics: Topics, since: int, always: bool) -> bytes | None:
        now = (self._picture.epoch, self._picture.version)
        if self._made_at != now:
            self._made.clear()
            self._made_at = now
        key = (topics, since)
        if key not in self._made:
            self._made[key] = self._encode(topics, since, always)
        return self._made[key]

    def _encode(self, topics: Topics, since: int, always: bool) -> bytes | None:
        picture = self._picture
        index = self._select(topics, since)
        documents: dict[str, Any] = {}
        if topics.units:
            documents["units"] = [wire.unit(u) for u in picture.units.since(since)]
            documents["buffers"] = [wire.buffer(b) for b in picture.buffers.since(since)]
        if topics.alarms:
            documents["alarms"] = [wire.alarm(a) for a in picture.alarms.since(since)]
        if topics.connections:
            documents["connections"] = self._connections(since)
        documents = {name: items for name, items in documents.items() if items}
        if not always and not len(index) and not documents:
            return None
        at_ms = picture.at_ns // MILLISECOND_NS
        columns = {
            "t": at_ms,
            "i": index.tolist(),
            "v": [picture.values[i] for i in index.tolist()],
            "q": picture.quality[index].tolist(),
            "dt": _ages_ms(at_ms, picture.source_ns[index]),
            "cd": _ages_ms(at_ms, picture.confirmed_ns[index]),
            "old": picture.stale[index].tolist(),
        }
        # The head with type and sequence number is put in front of this, in place of its brace.
        return wire.encode(columns | documents | {"fresh": self._fresh()})[1:]

    def _select(self, topics: Topics, since: int) -> Int64Array:
        return self.only_wanted(topics, self._picture.changed > since)

    def only_wanted(self, topics: Topics, chosen: npt.NDArray[np.bool_]) -> Int64Array:
        """Return the indices of chosen signals that are subscribed."""
        picture = self._picture
        if topics not in self._masks:
            if len(self._masks) > 64:
                self._masks.clear()
            self._masks[topics] = topics.wanted(len(picture.values))
        mask = self._masks[topics]
        return np.flatnonzero(chosen if mask is None else chosen & mask)

    def _connections(self, since: int) -> list[dict[str, Any]]:
        return [wire.connection(c) for c in self._picture.connections.since(since)]

    def _fresh(self) -> dict[str, Any]:
        picture = self._picture
        return {
            "stale": picture.stale_count,
            "never": int(np.count_nonzero((picture.source_ns == 0) & ~picture.stale)),
            "signals": picture.signal_count,
            "oldest_ms": picture.oldest_stale_ns // MILLISECOND_NS,
            "silent": picture.silent_connections(),
        }


def _instants_ms(at_ns: Int64Array) -> list[int | None]:
    return [at or None for at in (at_ns // MILLISECOND_NS).tolist()]


def _ages_ms(at_ms: int, at_ns: Int64Array) -> list[int | None]:
    return [at_ms - at if at else None for at in (at_ns // MILLISECOND_NS).tolist()]
