"""The same weeks with all processes as shipped: what machines said and people did, said again to the product.

    python -m tests.closed_loop.shipped --only 0 1 [--days 14] [--speed 120]

The plant of a number is played once more in one process, and what it said and what its people did is
written down (`world`). Then `taktwin demo` runs on a plant folder whose connections play those files:
gateway, backbone, twin, historian, recorder, MES with its database, what-if, analyst, ledger and portal, each
a process of its own, at so many plant seconds a second; while one of them computes, the plant all but stands
still, as it does in one process (`pace`). People do over HTTP what they did then, at the same plant time; on
advice they decide by the same written rules, by themselves. What both ledgers hold is laid beside each other:
for each insert, what was advised, decided and carried out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import queue
import re
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import msgspec

from taktwin.instants import SECOND_NS, rfc3339
from tests.closed_loop import pace, weeks
from tests.closed_loop.exports import entries_of
from tests.closed_loop.house import DAY_NS, THINKS_NS, Arm
from tests.closed_loop.weeks import BEGIN_NS, RESULTS
from tests.closed_loop.world import Deed, deeds
from tests.system.product import Product

SPEED = 120.0
AGAIN_S = 10.0  # of the wall: a deed that the MES refuses may come before what it rests on
AGAIN_AFTER_S = 0.015
HEARS_S = 1.0  # of the real wall: within that the MES has heard what a machine said before a deed
ELSEWHERE = "who is logged on at"  # what the MES says of a person who is not where the deed is done
RUNS_STILL = re.compile(r"found (\S+) is running there")
CLOSES_AFTER_S = 1.5  # of the wall: the last count of a job order may be on its way
STARTS_S = 120.0  # of the wall: the product is up before the first machine says anything
RESTS_ON_MACHINES = (
    "job.",
    "stop.",
    "lot.",
)  # what such deeds are called; others are done once or not at all
LOOK_NS = 60 * SECOND_NS  # of the plant, as in one process
VERSIONS_NS = 5 * LOOK_NS  # a version that comes by a round later is found as late, not an hour later
SAME_NS = 3600 * SECOND_NS  # the same decision: due within that


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What a ledger holds of one insert."""

    unit: str
    begin_ns: int  # when the insert went in, by the machine
    shown_ns: int = 0  # first shown to people
    chosen: str = ""  # of the last that was shown
    due_ns: int = 0
    accepted: bool = False
    result: str = ""
    promised: float = 0.0
    costs: dict[str, float] = {}  # of each course, by the proof of the last that was shown; EUR lost
    measured: float | None = None


def recorded(commit: str, number: int, folder: Path, *, days: int) -> None:
    """Play a plant in one process, with what its rooms heard written down; what it came to is kept too."""
    weeks.keep(weeks.played(commit, number, Arm.ADVISED, folder, days=days, recorded=True))


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A deed that is not done yet."""

    deed: Deed
    key: str
    since_ns: int  # of the wall: when it was tried first
    log_on: Deed | None  # by which whoever does it stands where it is done
    until_ns: int  # of the wall: it is given up behind that
    hopes_ns: int  # of the real wall: so long the plant all but stands still for it
    next_ns: int = 0  # of the real wall: when it is tried


def _subject(deed: Deed) -> str:
    """Return of what deeds are done in their sequence."""
    return str(next((deed.data[name] for name in ("job", "stop", "lot") if name in deed.data), deed.unit))


class Player:
    """People at the product's door."""

    def __init__(
        self, product: Product, *, start_ns: int, speed: float, refused: TextIO,
        wall_ns: Callable[[], int] = time.monotonic_ns,
        asking: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:  # fmt: skip
        self._product, self._start_ns, self._speed = product, start_ns, speed
        self._wall_ns, self._asking = wall_ns, asking
        self._numbers = itertools.count(1)
        self.refused = self.closed = 0
        self._refused = refused
        self._log_ons: dict[str, Deed] = {}  # person -> the last
        self._waiting: list[_Waiting] = []  # deeds that were refused so far, and what comes behind them
        self._seen_ns: dict[str, int] = {}
        self._decided: set[str] = set()
        self._inserts = itertools.count(1)
        self._mine = threading.local()  # what each of those who ask was answered last
        self._plans: queue.Queue[Deed | None] = queue.Queue()
        self._planner = threading.Thread(target=self._plan, daemon=True)
        self._planner.start()
        self._zero = min(self._asked() for _ in range(20))[1:]

    def _asked(self) -> tuple[int, int, int]:
        """Ask what time it is; return how long that took, the wall in the middle of it, and plant time."""
        from_ms = self._start_ns // 10**6
        query = f"from_ms={from_ms}&to_ms={from_ms + 1000}&columns=1"
        began_ns = self._wall_ns()
        now_ns = int(self._product.api(f"/bar?{query}")["now_ms"]) * 10**6
        took_ns = self._wall_ns() - began_ns
        return took_ns, began_ns + took_ns // 2, now_ns

    @property
    def last(self) -> str:
        """Return what this thread was refused last."""
        return str(getattr(self._mine, "last", ""))

    @last.setter
    def last(self, said: str) -> None:
        self._mine.last = said

    def now_ns(self) -> int:
        """Return plant time."""
        wall, plant = self._zero
        return plant + int((self._wall_ns() - wall) * self._speed)

    def wait(self, until_ns: int, pause: threading.Event) -> None:
        """Wait for a plant time; do what was refused again meanwhile."""
        while (left_ns := until_ns - self.now_ns()) > 0:
            self._again()
            real_ns = time.monotonic_ns()
            hopes = any(real_ns < each.hopes_ns for each in self._waiting)
            with self._asking() if hopes else nullcontext():
                pause.wait(min(AGAIN_AFTER_S, left_ns / SECOND_NS / self._speed))

    def said(self, path: str, body: object | None = None) -> Any:
        """Return the answer, or None with the refusal noted."""
        try:
            with self._asking():
                return self._product.api(path, body)
        except urllib.error.HTTPError as error:
            self.last = f"{path}: {error.code} {error.read()[:300].decode(errors='replace')}"
            return None
        except OSError as error:
            self.last = f"{path}: {error}"
            return None

    def key(self) -> str:
        """Return a key for something that is done once."""
        return f"shipped-{next(self._numbers):08d}"

    def do(self, deed: Deed) -> None:
        """Do again what was done then; what is refused is tried again for a while.

        Orders and their dispatch are the planner's, who does one after the other: nobody at a machine waits.
        """
        if deed.kind == "orders" or deed.name == "job.dispatch":
            self._plans.put(deed)
            return
        now_ns = self._wall_ns()
        waits = AGAIN_S if deed.kind != "command" or deed.name.startswith(RESTS_ON_MACHINES) else 0.0
        if deed.name == "labour.log_on":
            self._log_ons[deed.person] = deed
        log_on = self._log_ons.get(deed.person) if deed.at_terminal else None
        until_ns = now_ns + int(waits * SECOND_NS)
        hopes_ns = time.monotonic_ns() + int(min(waits, HEARS_S) * SECOND_NS)
        self._waiting.append(_Waiting(deed, self.key(), now_ns, log_on, until_ns, hopes_ns))
        self._again()

    def _plan(self) -> None:
        """Do what the planner did then."""
        while (deed := self._plans.get()) is not None:
            key, until_ns = self.key(), self._wall_ns() + int(AGAIN_S * SECOND_NS)
            while not self._once(deed, key):
                if self._wall_ns() >= until_ns:
                    self._refuse(deed)
                    break
                threading.Event().wait(AGAIN_AFTER_S)

    def end(self) -> None:
        """Let the planner go home."""
        self._plans.put(None)
        self._planner.join(30)

    def _again(self) -> None:
        """Try what waits and is due, each job order's deeds in their sequence."""
        held: set[str] = set()
        left: list[_Waiting] = []
        for each in self._waiting:
            now_ns = self._wall_ns()
            name = _subject(each.deed)
            if name not in held and each.next_ns <= time.monotonic_ns():
                if self._once(each.deed, each.key) or (
                    each.log_on is not None
                    and ELSEWHERE in self.last  # whoever waited has gone on meanwhile, and comes back
                    and self._once(each.log_on, self.key())
                    and self._once(each.deed, each.key)
                ):
                    continue
                if now_ns >= each.until_ns:
                    self._refuse(each.deed)
                    continue
                if now_ns >= each.since_ns + int(CLOSES_AFTER_S * SECOND_NS):
                    self._close_what_runs_still(each.deed)
                each = replace(each, next_ns=time.monotonic_ns() + int(AGAIN_AFTER_S * SECOND_NS))
            if name:
                held.add(name)
            left.append(each)
        self._waiting = left

    def _close_what_runs_still(self, deed: Deed) -> None:
        """End the job order that keeps a machine: it was over when this was done, and missed a part here."""
        still = RUNS_STILL.search(self.last)
        if still is None or deed.name not in ("job.begin", "job.control"):
            return
        wish = {"data": {"job": still[1], "method": "Stop"}, "idempotency_key": self.key()}
        if self.said("/mes/commands/job.control", wish) is not None:
            self.closed += 1
            self._refused.write(f"{rfc3339(deed.at_ns)} {still[1]} was closed for {deed.data['job']}\n")
            self._refused.flush()

    def _refuse(self, deed: Deed) -> None:
        self.refused += 1
        behind_s = (self.now_ns() - deed.at_ns) / SECOND_NS
        self._refused.write(f"{rfc3339(deed.at_ns)} {behind_s:.0f} s behind: {self.last}\n")
        self._refused.flush()

    def _once(self, deed: Deed, key: str) -> bool:
        if deed.kind == "orders":
            return self._orders(deed.orders)
        if deed.kind == "tool_in":
            return self._tool_in(deed, key)
        wish = {"data": _in_ms(deed.data), "idempotency_key": key,
                "on_behalf_of": deed.person if deed.at_terminal else ""}  # fmt: skip
        return self.said(f"/mes/commands/{deed.name}", wish) is not None

    def _orders(self, text: str) -> bool:
        request = urllib.request.Request(
            self._product.url.rstrip("/") + "/api/v1/mes/erp/orders", data=text.encode(),
            headers={"Content-Type": "text/csv", "Origin": self._product.url.rstrip("/")},
        )  # fmt: skip
        try:
            with self._asking(), urllib.request.urlopen(request, timeout=20):
                return True
        except OSError as error:
            self.last = f"orders: {error}"
            return False

    def _tool_in(self, deed: Deed, key: str) -> bool:
        """Say that another insert is in: for the order that is open, else as a mounting."""
        said = self.said("/mes/maintenance")
        if said is None:
            return False
        mine = [each for each in said["orders"] if each["work_unit"] == deed.unit
                and each["kind"] == "tool_change" and each["tool_kind"] == "insert"]  # fmt: skip
        if mine:
            wish: dict[str, Any] = {"order": mine[0]["order"]}
            return self.said("/mes/commands/tool.change", {"data": wish, "idempotency_key": key}) is not None
        wish = {"tool": f"I-{deed.unit}-r{next(self._inserts)}", "work_unit": deed.unit, "kind": "insert"}
        return self.said("/mes/commands/tool.mount", {"data": wish, "idempotency_key": key}) is not None

    # By themselves: the same rules as in one process.

    def look(self) -> None:
        """Accept what has stood for five minutes."""
        inbox = self.said("/advice")
        for row in [] if inbox is None else inbox["waiting"]:
            since_ns = self._seen_ns.setdefault(row["id"], self.now_ns())
            if row["id"] in self._decided or self.now_ns() - since_ns < THINKS_NS:
                continue
            self._decided.add(row["id"])
            seen = self.said(f"/advice/{row['id']}") or {}
            wish = {"accept": True, "version": row["version"], "shown": seen.get("shown", ""),
                    "idempotency_key": self.key()}  # fmt: skip
            if self.said(f"/advice/{row['id']}/decision", wish) is None:
                print(f"a decision was refused: {self.last}", flush=True)

    def look_after_models(self) -> None:
        """Let the newest version go live where its error is within the limit, and a class that fell up."""
        said = self.said("/models")
        if said is None:
            return
        [model] = [each for each in said["models"] if each["subjects"]]
        versions = [each for each in said["versions"] if each["model"] == model["model"]]
        newest = versions[-1] if versions else None
        limit = min(model["limits"].values())
        if (
            newest
            and newest["stage"] == "shadow"
            and newest["error"] is not None
            and newest["error"] <= limit
        ):
            live = next((each["version"] for each in versions if each["stage"] == "live"), "")
            wish = {"version": newest["version"], "instead_of": live,
                    "why": "its error on inserts that it had not seen is within the limit"}  # fmt: skip
            self.said(f"/models/{model['model']}/live", wish)
        for record in self.said("/advice/classes") or []:
            if record["level"] == "observe" and not record["obstacles"]:
                wish = {"level": "advise", "reason": "it has earned it", "idempotency_key": self.key()}
                self.said(f"/advice/classes/{record['advice_class']['name']}/level", wish)


def _in_ms(data: dict[str, Any]) -> dict[str, Any]:
    """Return a command's fields as the web API wants them: instants in milliseconds."""
    return {
        f"{name[:-3]}_ms" if name.endswith("_ns") else name: value // 10**6 if name.endswith("_ns") else value
        for name, value in data.items()
    }


def played(folder: Path, *, speed: float, days: int) -> int:
    """Let the product hear a recorded world; return how many deeds were refused.

    It leaves its ledger as `shipped.jsonl`, and what was refused as `refused.txt`.
    """
    pause = threading.Event()
    shutil.rmtree(folder / "installation", ignore_errors=True)
    start_ns = BEGIN_NS - int(STARTS_S * speed) * SECOND_NS
    words = ("--plant", str(folder / "world" / "plant"), "--speed", f"{speed:g}", "--at", rfc3339(start_ns))
    wall = pace.hung(folder / "wall")
    with (
        (folder / "refused.txt").open("w", encoding="utf-8") as refused,
        Product(folder / "installation", *words, environment=pace.environment(folder / "wall")) as product,
        pace.Brake(wall, product.process.pid) as brake,
    ):
        people = Player(product, start_ns=start_ns, speed=speed, refused=refused, wall_ns=wall.now_ns,
                        asking=brake.asking)  # fmt: skip
        end_ns = BEGIN_NS + days * DAY_NS
        stop = threading.Event()

        def advice() -> None:
            looked_ns = after_ns = people.now_ns()
            while not stop.wait(AGAIN_AFTER_S):
                if (now_ns := people.now_ns()) - looked_ns >= LOOK_NS:
                    looked_ns = now_ns
                    people.look()
                if now_ns - after_ns >= VERSIONS_NS:
                    after_ns = now_ns
                    people.look_after_models()

        looking = threading.Thread(target=advice, daemon=True)
        looking.start()
        day = 0
        for deed in deeds(folder / "world"):
            if deed.at_ns >= end_ns:
                break
            if deed.at_ns > BEGIN_NS:  # what is there from the beginning is there before machines speak
                people.wait(deed.at_ns, pause)
            people.do(deed)
            if (deed.at_ns - BEGIN_NS) // DAY_NS > day:
                day = (deed.at_ns - BEGIN_NS) // DAY_NS
                lag_s = (people.now_ns() - deed.at_ns) / SECOND_NS
                print(f"day {day}: {lag_s:.0f} plant seconds behind, {people.refused} refused, "
                      f"{people.closed} closed; slow for {brake.told()}", flush=True)  # fmt: skip
        people.wait(end_ns, pause)
        stop.set()
        looking.join(30)
        people.end()
        with urllib.request.urlopen(product.url + "api/v1/advice/audit.jsonl", timeout=120) as answer:
            (folder / "shipped.jsonl").write_bytes(answer.read())
    return people.refused


def decided(entries: Iterable[dict[str, Any]]) -> list[Decided]:
    """Return what a ledger's journal holds, by insert, in the order of time."""
    of: dict[str, tuple[str, int]] = {}
    promised: dict[str, tuple[str, int, float, dict[str, float]]] = {}
    found: dict[tuple[str, int], Decided] = {}
    replace = msgspec.structs.replace
    for entry in entries:
        kind, content = entry["event_type"], json.loads(entry["content"])
        name = content.get("recommendation", "")
        if kind == "recommendation.validated":
            proposal = content["proposal"]
            key = of[name] = proposal["work_unit"], proposal["evidence"][0]["from_ns"]
            difference = proposal["effects"][0]["difference"]["mean"]
            costs = {each["name"]: each["effects"][0]["action"]["mean"]
                     for each in proposal["proof"]["alternatives"] if each["effects"]}  # fmt: skip
            due_ns = proposal["action"]["data"]["due_ns"]
            promised[name] = proposal["proof"]["chosen"], due_ns, difference, costs
            found.setdefault(key, Decided(unit=key[0], begin_ns=key[1]))
        elif name in of:
            one = found[of[name]]
            chosen, due_ns, mean, costs = promised[name]
            if kind == "recommendation.proposed":
                one = replace(one, shown_ns=one.shown_ns or entry["time_ns"], chosen=chosen, due_ns=due_ns,
                              promised=mean, costs=costs)  # fmt: skip
            elif kind == "recommendation.accepted":
                one = replace(one, accepted=True)
            elif kind == "recommendation.measured":
                outcome = content["outcome"]
                measured = outcome["observed_effect"][0]["measured"]["mean"]
                one = replace(one, result=outcome["result"], measured=measured)
            found[of[name]] = one
    return sorted(found.values(), key=lambda each: (each.begin_ns, each.unit))


def beside(one: Sequence[Decided], other: Sequence[Decided]) -> list[tuple[Decided | None, Decided | None]]:
    """Return the inserts that people saw advice about in either, each with the other's."""
    left = [each for each in one if each.shown_ns]
    right = [each for each in other if each.shown_ns]
    pairs: list[tuple[Decided | None, Decided | None]] = []
    for each in left:
        near = [r for r in right if r.unit == each.unit and abs(r.begin_ns - each.begin_ns) <= SAME_NS]
        pairs.append((each, near[0] if near else None))
    known = {id(each) for _, each in pairs}
    pairs += [(None, each) for each in right if id(each) not in known]
    return sorted(pairs, key=lambda pair: (pair[0] or pair[1]).begin_ns)  # type: ignore[union-attr]


def is_same(one: Decided | None, other: Decided | None) -> bool:
    """Return whether two ledgers came to the same decision on an insert."""
    if one is None or other is None:
        return False
    return one.accepted == other.accepted and abs(one.due_ns - other.due_ns) <= SAME_NS


def between(one: Decided | None, other: Decided | None) -> float | None:
    """Return by how much one's course is dearer than the other's, by whichever proof says more (EUR).

    None where one did not decide, or did not try what the other chose.
    """
    if one is None or other is None or one.accepted != other.accepted:
        return None
    if not all(each in of.costs for of in (one, other) for each in (one.chosen, other.chosen)):
        return None
    return max(abs(of.costs[one.chosen] - of.costs[other.chosen]) for of in (one, other))


def ledgers(folder: Path) -> tuple[list[Decided], list[Decided]]:
    """Return what was decided in one process, and with all processes."""
    mine = [json.loads(msgspec.json.encode(each)) for each in entries_of(folder / "ledger.jsonl.gz")]
    shipped = [json.loads(line) for line in (folder / "shipped.jsonl").read_text("utf-8").splitlines()]
    return decided(mine), decided(shipped)


def main(words: Sequence[str]) -> int:
    """Record, play and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=int, nargs="*", default=[0, 1], help="numbers of plants")
    parser.add_argument("--days", type=int, default=weeks.DAYS)
    parser.add_argument("--speed", type=float, default=SPEED)
    parser.add_argument("--commit", default=weeks.judged_commit())
    options = parser.parse_args(words)
    for number in options.only:
        folder = RESULTS / options.commit[:12] / f"{options.days}-days-shipped" / f"plant-{number:02d}"
        if not (folder / "mes.jsonl.gz").exists():
            recorded(options.commit, number, folder, days=options.days)
        refused = played(folder, speed=options.speed, days=options.days)
        pairs = beside(*ledgers(folder))
        same = sum(is_same(*pair) for pair in pairs)
        print(f"plant {number:02d}: {same} of {len(pairs)} inserts were decided on alike; "
              f"{refused} deeds were refused", flush=True)  # fmt: skip
        for pair in pairs:
            print(
                "  ",
                *(
                    "nothing"
                    if each is None
                    else f"{each.unit} {rfc3339(each.begin_ns)} {each.chosen} due "
                    f"{rfc3339(each.due_ns)} {each.accepted} {each.result}"
                    for each in pair
                ),
                "alike" if is_same(*pair) else f"otherwise: {between(*pair)} EUR between them",
                sep=" | ",
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
