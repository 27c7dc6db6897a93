"""Gauges: calibrated until an instant, and refused after it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.instants import rfc3339
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.tooling.tables import Gauge
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

DAY_NS = 86_400_000_000_000


def refuse_uncalibrated(book: Reading, gauge: str, asking: Asking) -> Gauge:
    """Return a gauge that may measure now. Raises Refused where it is unknown, failed or has expired.

    Every decider that takes a measurement asks this first (capability on an expired gauge is refused,
    not warned).
    """
    row = book.get(Gauge, gauge)
    if row is None:
        raise unknown("gauge", gauge)
    if not row.passed:
        raise Refused("not_ready", f"gauge {gauge}", f"failed its calibration {rfc3339(row.calibrated_ns)}",
                      "a gauge that passed its last calibration", row=row)  # fmt: skip
    if _expired(row, asking.now_ns):
        raise Refused("not_ready", f"gauge {gauge}", f"its calibration expired {rfc3339(row.until_ns)}",
                      "a gauge in calibration", row=row)  # fmt: skip
    return row


def _expired(row: Gauge, now_ns: int) -> bool:
    return now_ns >= row.until_ns


def use(book: Reading, wish: commands.UseGauge, asking: Asking) -> Iterator[Fact]:
    """Note that a gauge measures, if it may."""
    if wish.work_unit and wish.work_unit not in asking.definitions.work_units:
        raise unknown("work unit", wish.work_unit)
    refuse_uncalibrated(book, wish.gauge, asking)
    yield Fact(events.GaugeUsed(gauge=wish.gauge, work_unit=wish.work_unit), asking.now_ns)


def calibrate(book: Reading, wish: commands.CalibrateGauge, asking: Asking) -> Iterator[Fact]:
    """Enter a calibration; it never holds longer than the plant folder allows for the kind."""
    row = book.get(Gauge, wish.gauge)
    kind = wish.kind or (row.kind if row is not None else "")
    if not wish.gauge.strip() or len(wish.gauge) > 80:
        raise Refused("invalid", "gauge", repr(wish.gauge[:80]), "a number of 1 to 80 characters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    definition = asking.definitions.gauges.get(kind)
    if definition is None:
        known = ", ".join(asking.definitions.gauges) or "none: the plant folder has no gauges"
        raise Refused("unknown", f"kind of gauge {wish.gauge}", repr(kind), f"one of {known}")
    if row is not None and kind != row.kind:
        raise Refused("invalid", f"kind of gauge {wish.gauge}", repr(kind), row.kind,
                      status=ReturnStatus.INVALID_REQUEST, row=row)  # fmt: skip
    latest_ns = asking.now_ns + definition.calibrate_every_days * DAY_NS
    until_ns = wish.until_ns or latest_ns
    if not 0 < until_ns <= latest_ns:
        raise Refused("invalid", f"calibration of {wish.gauge}", _when(until_ns),
                      f"until {rfc3339(latest_ns)} at the latest: {definition.calibrate_every_days} days",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    yield Fact(
        events.GaugeCalibrated(gauge=wish.gauge, kind=kind, until_ns=until_ns, passed=wish.passed),
        asking.now_ns,
    )


def _when(at_ns: int) -> str:
    return rfc3339(at_ns) if 0 <= at_ns < 1 << 62 else str(at_ns)


def _calibrated(book: Book, event: events.GaugeCalibrated, at_ns: int) -> None:
    row = book.get(Gauge, event.gauge)
    book.put(Gauge(gauge=event.gauge, kind=event.kind, calibrated_ns=at_ns, until_ns=event.until_ns,
                   passed=event.passed, used_ns=0 if row is None else row.used_ns,
                   version=1 if row is None else row.version + 1))  # fmt: skip


def _used(book: Book, event: events.GaugeUsed, at_ns: int) -> None:
    row = book.get(Gauge, event.gauge)
    assert row is not None, "decided on a gauge that is there"
    book.put(msgspec.structs.replace(row, used_ns=at_ns))


RULES = Rules(
    deciders={
        commands.CalibrateGauge.command_name: calibrate,
        commands.UseGauge.command_name: use,
    },
    projectors={events.GaugeCalibrated: _calibrated, events.GaugeUsed: _used},
)
