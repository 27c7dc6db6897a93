"""A cell that takes job orders: it makes what the order says, as many as it says, and ends it by itself.

Without a job order a cell works off the plant's own list, as one without a receiver does. An interrupted
one lets the cell finish the part in its hand, and no more.
"""

from __future__ import annotations

from typing import Protocol

from taktwin.faces.job_list import Job, JobList
from taktwin.standards.job_control import Cause, State


class Sleeper(Protocol):
    """A work unit, as far as its job orders know it."""

    name: str
    family: int

    def wake(self) -> None:
        """Look at the world again."""
        ...


class CellJobs:
    """What one cell asks of its job orders, and tells them."""

    def __init__(self, jobs: JobList, cell: Sleeper) -> None:
        self._jobs = jobs
        self._cell = cell
        jobs.listeners.append(self._changed)

    def _changed(self, before: Job | None, after: Job | None) -> None:
        # It takes up the next one at once, also while it rests; the part in its hand is the first of it.
        waiting = self._jobs.next
        if waiting is not None:
            self._jobs.happens(waiting.order.job, Cause.BEGIN)  # the list refuses it while another is in hand
        self._cell.wake()

    @property
    def halt(self) -> str:
        """Return why the cell may not take a part; "" if it may."""
        job = self._jobs.running
        if job is None or job.state is not State.INTERRUPTED:
            return ""
        return f"job order {job.order.job} is interrupted"

    def made_for(self, job: str) -> str:
        """Return the job order that a part is made for: that in the cell's hand, else the plant's own."""
        running = self._jobs.running
        return job if running is None else running.order.job

    def count(self, *, good: int = 0, scrap: int = 0) -> None:
        """Count what came out of the cell."""
        self._jobs.count(good=good, scrap=scrap)
