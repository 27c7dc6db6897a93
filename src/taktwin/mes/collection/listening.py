"""What collection listens to, and what it takes out of a scan. Pure."""

from __future__ import annotations

from taktwin.contracts.samples import Scan
from taktwin.mes.collection.actions import Heard
from taktwin.mes.definitions.routes import Definitions
from taktwin.plant.registry import Registry


def listened(definitions: Definitions) -> frozenset[str]:
    """Return the ids of all signals that are booked, or that bookings refer to."""
    return frozenset(
        (
            *definitions.counters, *definitions.serials, *definitions.joined, *definitions.made,
            *definitions.measures, *definitions.interlocks, *definitions.asked_serials.values(),
        )
    )  # fmt: skip


def heard_in(scan: Scan, registry: Registry, signals: frozenset[str]) -> list[Heard]:
    """Return what of a scan is listened to, in its order."""
    found = []
    for place, index in enumerate(scan.signals):
        signal = registry.signals[index]
        good = scan.qualities is None or scan.qualities[place] <= 1
        # A source that says that it has no value has said nothing that could be booked.
        if good and scan.values[place] is not None and signal.id in signals:
            found.append(Heard(signal.id, scan.values[place], scan.t0_ns + scan.dt_ns[place]))
    return found
