"""What one machine says is gathered from its scans, until there is something to keep.

Values are handed on at once. That nothing has changed is kept now and then, so often that a MES that was
killed finds no silence where there was none.
"""

from __future__ import annotations

from taktwin.contracts.samples import Scan
from taktwin.mes.definitions.routes import Machine
from taktwin.mes.performance.hearing import Told
from taktwin.mes.performance.states import Said
from taktwin.plant.registry import Registry

GOOD_ENOUGH = 1  # Good and GoodNoData


class Ear:
    """Listens to one work unit."""

    def __init__(self, machine: Machine, registry: Registry, *, gap_ns: int) -> None:
        self._machine = machine
        self._roles = {registry.by_id[s].index: role for s, role in machine.signals.items()}  # type: ignore[index]
        self._keep_every_ns = gap_ns // 2
        self._said: list[Said] = []
        self._vouched: list[int] = []
        self._kept_ns = 0  # until when it was handed on that nothing has changed

    def hear(self, scan: Scan) -> None:
        """Take a scan of this work unit; what came another way than its state tells nothing of it."""
        if scan.connector != self._machine.connection:
            return
        for place, index in enumerate(scan.signals):
            role = self._roles.get(index)
            if role is None:
                continue
            at_ns = scan.t0_ns + scan.dt_ns[place]
            good = scan.qualities is None or scan.qualities[place] <= GOOD_ENOUGH
            value = scan.values[place] if good else None
            if value is None or isinstance(value, bool | int | float | str):
                self._said.append(Said(at_ns, role, value))
                if scan.as_of_ns is None:  # a source that cannot vouch: its word is all there is
                    self._vouched.append(at_ns)
        if scan.as_of_ns is not None:
            self._vouched.append(scan.as_of_ns)

    @property
    def must_tell(self) -> bool:
        """Return whether something was said, or silence would soon be believed."""
        return bool(self._said) or bool(
            self._vouched and max(self._vouched) - self._kept_ns >= self._keep_every_ns
        )

    def told(self) -> Told | None:
        """Hand on what was gathered, None if that is nothing."""
        if not self._said and not self._vouched:
            return None
        told = Told(self._machine.work_unit, tuple(self._said), tuple(self._vouched))
        self._kept_ns = max([self._kept_ns, *self._vouched])
        self._said, self._vouched = [], []
        return told
