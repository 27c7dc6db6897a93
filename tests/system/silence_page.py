"""What came of the long run of injected silences, kept by commit, and its page: `docs/silences.md`."""

from __future__ import annotations

import statistics
import subprocess

import msgspec

from tests.system.product import ROOT

RESULTS = ROOT / "var" / "soak" / "silences"
PAGE = ROOT / "docs" / "silences.md"
# What hears, watches and tells; the machines and their physics may change without a new run.
WATCHES = ("src/taktwin/gateway", "src/taktwin/bus", "src/taktwin/twin")
KINDS = {
    "cut_server": "socket: connections broken, port closed",
    "freeze_session": "session: socket open, nothing said",
    "kill_servers": "server: the process of all machines' servers killed (`kill -9`)",
    "kill_broker": "broker: killed (`kill -9`)",
    "silence_signal": "single signal: its samples stop, its source lives",
    "freeze_signal": "frozen: a value that must move stands still",
}


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """One injected silence: when it was due to be seen, and when it was, in wall seconds."""

    kind: str
    target: str
    due_s: float
    after_s: float | None  # None: never
    late: bool


class Clean(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch without any injection, and what was called silent or lost in it."""

    speed: float
    wall_s: float
    plant_h: float
    connections: int
    signals: int
    false: list[str]


class Results(msgspec.Struct, kw_only=True):
    """All that is known of one commit. A round that was late is run again, and stays on the page."""

    commit: str
    rounds: dict[str, list[Noticed]] = {}
    missed: list[Noticed] = []  # of rounds that were run again
    clean: Clean | None = None
    clean_missed: list[str] = []

    @property
    def all(self) -> list[Noticed]:
        """Return the silences of all rounds that were kept."""
        return [each for noticed in self.rounds.values() for each in noticed]

    def keep(self, name: str, noticed: list[Noticed]) -> None:
        """Keep a round if all of it was in time; if not, remember what was late."""
        late = [each for each in noticed if each.late]
        if late:
            self.missed += late
        else:
            self.rounds[name] = noticed
        self._write()

    def keep_clean(self, clean: Clean) -> None:
        """Keep the clean stretch if it was clean."""
        if clean.false:
            self.clean_missed += clean.false
        else:
            self.clean = clean
        self._write()

    def _write(self) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        aside = RESULTS / f"{self.commit}.new"
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(self)))
        aside.replace(RESULTS / f"{self.commit}.json")
        PAGE.write_text(page(self), encoding="utf-8")


def kept() -> Results:
    """Return what is known of the code as it is committed now."""
    commit = watches_commit()
    path = RESULTS / f"{commit}.json"
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else Results(commit=commit)


def watches_commit() -> str:
    """Return the last commit that touched what hears and watches."""
    words = ["git", "log", "-1", "--format=%H", "--", *WATCHES]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def page(results: Results) -> str:
    """Return the page."""
    found = results.all
    lines = [
        HEAD.format(commit=results.commit),
        f"## Injected: {len(found)} in {len(results.rounds)} rounds\n",
    ]
    lines.append("| what falls silent | injected | due within, s | median, s | longest, s | late |")
    lines.append("|---|--:|--:|--:|--:|--:|")
    for kind, words in KINDS.items():
        these = [each for each in found if each.kind == kind]
        after_s = [each.after_s for each in these if each.after_s is not None]
        due = sorted({each.due_s for each in these})
        missed = sum(each.kind == kind for each in results.missed)
        cells = [words, str(len(these)), ", ".join(f"{each:g}" for each in due)]
        cells += [f"{statistics.median(after_s):.1f}", f"{max(after_s):.1f}"] if after_s else ["", ""]
        lines.append("| " + " | ".join([*cells, str(missed)]) + " |")
    if results.missed:
        lines.append("\n*Late* counts rounds that were run again; they were:\n")
        lines += [
            f"- {e.kind} of {e.target}: due in {e.due_s:g} s, seen after {e.after_s}" for e in results.missed
        ]
    lines.append("\n## The clean stretch\n")
    clean = results.clean
    if clean is None:
        lines.append("Not run for this commit, or not clean.")
    else:
        lines.append(
            f"{clean.plant_h:.2f} plant hours at speed {clean.speed:g} ({clean.wall_s / 60:.0f} min of the "
            f"wall), {clean.connections} connections and {clean.signals} signals: nothing was called silent, "
            "frozen or lost."
        )
    if results.clean_missed:
        lines.append("\nIn a stretch that was run again, these were false:\n")
        lines += [f"- {each}" for each in results.clean_missed]
    return "\n".join(lines) + "\n"


HEAD = """\
# Silences, and how soon they are noticed

Silence is an event: the loss of a socket, session, server or broker has to be visible within 5 s, of a
single signal within the larger of 5 s and three of its periods, of a frozen value as soon as the plant model
says that it should have moved. `tests/system/test_silences.py` starts the demo plant by its command at speed
4, lets things fall silent, and looks at what the pages show, five times a second. What counts is wall time
from the injection until it is on the page; 2 s more are allowed for the looking on a machine that has other
work. In each round eight silences run side by side, then the servers' process is killed, then the broker;
all must be over before the next. Ten are part of `make test`; `make soak` runs the rest, goes on behind
what is done, and writes this page.

What hears, watches and tells was last touched by commit `{commit}`.
"""
