"""Replications over the machines of a Ray cluster: the extra `taktwin[ray]`.

Comes in the address of a cluster, goes out what `experiment.compare` takes as `away`. The kernel draws by
key and reads the tables that it is given, so a replication counts the same on whichever machine it runs;
one that is lost with its machine is run again on another. Every machine has the same release of taktwin.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, Self

from taktwin.errors import DomainError
from taktwin.simulation.compile import Compiled
from taktwin.simulation.experiment import Share, Start, replicated
from taktwin.simulation.result import Columns, Watch
from taktwin.simulation.run import warm_up

KNOCK_S = 5.0
AHEAD = 2  # shares that wait beside each one that runs, so that no processor waits for the network


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise DomainError("a Ray cluster: expected the extra to be installed, taktwin[ray]") from error
    module: ModuleType = ray
    return module


def _knock(address: str) -> None:
    """Raise an OSError if nobody is at an address: Ray itself would look for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _ready() -> None:
    """Compile the kernel on this machine, or load it."""
    warm_up()


@lru_cache(maxsize=16)
def _unpacked(packed: bytes) -> Any:
    return _ray().cloudpickle.loads(packed)


def _work(
    plant: bytes, start: bytes | None, watch: bytes | None, seed: int, numbers: range, span: int
) -> tuple[str, Columns]:
    """Return which machine ran a share, and what it counted.

    Plant and start come as bytes: the arrays of an object in Ray's store are read-only, which is another type
    to the kernel.
    """
    warm_up()
    begins: Start | None = None if start is None else _unpacked(start)
    looks: Watch | None = None if watch is None else _unpacked(watch)
    found = replicated(Share(_unpacked(plant), begins, looks, seed, numbers, span))
    return str(_ray().get_runtime_context().get_node_id()), found


class Cluster:
    """A connection to a Ray cluster; `compare(..., away=cluster)` runs its replications there.

    `ran` counts the shares by the id of the machine that ran them.
    """

    def __init__(self, address: str) -> None:
        """Connect, and have the kernel ready on every machine.

        Parameters
        ----------
        address : as Ray has it: `10.0.0.5:6379`, `ray://10.0.0.5:10001`, or `auto` on one of its machines

        Raises
        ------
        DomainError
            If Ray is not installed, nobody is at the address, or no machine has a processor.
        """
        self.ran: dict[str, int] = {}
        self._ray = _ray()
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as Pinned

        try:
            _knock(address)
            self._ray.init(address, log_to_driver=False, logging_level="warning")
        except OSError as error:
            raise DomainError(f"a Ray cluster at {address}: {error}") from error
        machines = [each for each in self._ray.nodes() if each["Alive"] and each["Resources"].get("CPU")]
        if not machines:
            self.close()
            raise DomainError(f"a Ray cluster at {address}: no machine with a processor")
        self._room = AHEAD * int(sum(each["Resources"]["CPU"] for each in machines))
        self._work = self._ray.remote(_work).options(scheduling_strategy="SPREAD")
        ready = self._ray.remote(_ready)
        pinned = [Pinned(each["NodeID"], soft=False) for each in machines]
        self._ray.get([ready.options(scheduling_strategy=each).remote() for each in pinned])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; it runs on."""
        self._ray.shutdown()

    def __call__(self, shares: Sequence[Share], is_late: Callable[[], bool]) -> Iterator[tuple[int, Columns]]:
        """Run shares, as `experiment.Away` says; what is under way when it is too late is not waited for."""
        sent: dict[int, Any] = {}  # plants and starts travel once, however many shares there are of them
        waiting = deque(enumerate(shares))
        place_of: dict[Any, int] = {}

        def once(what: Compiled | Start | Watch | None) -> Any:
            if what is None:
                return None
            if id(what) not in sent:
                sent[id(what)] = self._ray.put(self._ray.cloudpickle.dumps(what))
            return sent[id(what)]

        while (waiting or place_of) and not is_late():
            while waiting and len(place_of) < self._room:
                place, share = waiting.popleft()
                job = self._work.remote(
                    once(share.plant), once(share.start), once(share.watch), share.seed,
                    share.replications, share.span,
                )  # fmt: skip
                place_of[job] = place
            done, _ = self._ray.wait(list(place_of), num_returns=1, timeout=0.1)
            for job in done:
                machine, columns = self._ray.get(job)
                self.ran[machine] = self.ran.get(machine, 0) + 1
                yield place_of.pop(job), columns
        for job in place_of:
            self._ray.cancel(job)
