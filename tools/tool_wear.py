"""How well tool wear is foretold on inserts that the model has not seen, on plants that nobody has tuned to.

    python tools/tool_wear.py <commit or any hash> --plants 6 --days 6

Each plant is the demo plant with another insert wear out of the hash: how far an insert drifts in its life,
how much inserts differ, how much parts scatter; every third does not drift at all. The model learns on the
first two thirds of the days, and is judged, beside naive rivals, on inserts that went in later.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
from pathlib import Path
from random import Random

from taktwin.analyst import evaluate
from taktwin.analyst.evaluate import Score
from taktwin.analyst.features import Tape, Trace
from taktwin.analyst.maintenance.tool_change import ToolChange
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.model import NotEnough
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.history import HistoryBatch, play
from taktwin.virtual_plant.physics import Physics

PLANT = Path(__file__).resolve().parents[1] / "examples" / "plants" / "northfield"
MONDAY_NS = 1_781_503_200_000_000_000  # 2026-06-15T06:00:00Z
DAY_NS = 86_400 * 10**9
ROLES = frozenset({"result", "tool", "good_count", "reject_count"})
LEARNT = 2 / 3  # of the days


def wearing(base: Physics, digest: str, number: int) -> Physics:
    """Return the demo plant with the insert wear of a hash and a number; every third has none."""
    chance = Random(int.from_bytes(hashlib.sha256(f"wear/{digest}/{number}".encode()).digest()[:7]))
    drift, spread = round(chance.uniform(18, 50), 1), round(chance.uniform(0.0, 0.35), 2)
    wear = dataclasses.replace(
        base.causes.insert_wear, on=number % 3 != 2, drift_um=drift, spread=spread,
        scatter_um=round(chance.uniform(2.0, 5.0), 1),
    )  # fmt: skip
    return dataclasses.replace(base, causes=dataclasses.replace(base.causes, insert_wear=wear))


def line_alone(registry: Registry, line: str) -> Registry:
    """Return a plant of which nothing but a line is played: quicker, and never short of work."""
    mine = {name: each for name, each in registry.equipment.items() if each.place.line == line}
    buffers = tuple(b for b in registry.buffers if {*b.sources, *b.targets} <= mine.keys())
    kept = [signal for signal in registry.signals if signal.equipment in mine]
    signals = tuple(dataclasses.replace(signal, index=place) for place, signal in enumerate(kept))
    of = {name: tuple(s.index for s in signals if s.equipment == name) for name in mine}
    equipment = {name: dataclasses.replace(each, signals=of[name]) for name, each in mine.items()}
    return dataclasses.replace(
        registry, equipment=equipment, buffers=buffers, signals=signals, by_id={s.id: s for s in signals}
    )


def traces(registry: Registry, facts: Physics, *, days: float, seed: int) -> list[Trace]:
    """Return what a historian would have of all subjects."""
    subjects = ToolWear.subjects(registry)
    tape = Tape([signal for each in subjects for signals in each.signals.values() for signal in signals])
    names = {signal.index: str(signal.id) for signal in registry.signals if tape.wants(str(signal.id))}

    def sink(batch: HistoryBatch) -> None:
        for index, at_ns, value in zip(
            batch.signals.tolist(), batch.source_ns.tolist(), batch.values, strict=True
        ):
            if index in names:
                tape.add(names[index], at_ns, value)

    to_ns = MONDAY_NS + round(days * DAY_NS)
    play(registry, facts, from_ns=MONDAY_NS, to_ns=to_ns, seed=seed, sink=sink, roles=ROLES)
    return [tape.trace(subject, to_ns) for subject in subjects]


def judged(all_traces: list[Trace], *, cut_ns: int) -> tuple[list[Score], int, int]:
    """Return scores of model and rivals on unseen inserts, and at how many looks the twin would be asked."""
    seen = [trace.until(cut_ns) for trace in all_traces]
    model = ToolWear.fit(seen, seed=1)
    scores = [evaluate.judged("model", evaluate.of_model(model), all_traces, kind=ToolWear, after_ns=cut_ns)]
    for name, make in ToolWear.rivals().items():
        scores.append(evaluate.judged(name, make(seen), all_traces, kind=ToolWear, after_ns=cut_ns))
    asked = looks = 0
    for trace in all_traces:
        for at_ns in range(cut_ns, trace.to_ns, 1800 * 10**9):
            try:
                made = model.predict(trace.until(at_ns))
            except NotEnough:
                continue
            looks += 1
            asked += ToolChange.worth_asking(made)
    return scores, asked, looks


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("digest")
    parser.add_argument("--plants", type=int, default=6)
    parser.add_argument("--days", type=float, default=6.0)
    options = parser.parse_args()
    registry = line_alone(open_plant(PLANT), "line1")
    base = physics.load(PLANT / "physics.yaml")
    print(
        "| plant | drift um | spread | scatter um | who | n | whole | CRPS | 80 % covers | pinball | bias |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for number in range(options.plants):
        facts = wearing(base, options.digest, number)
        wear = facts.causes.insert_wear
        found = traces(registry, facts, days=options.days, seed=100 + number)
        scores, asked, looks = judged(found, cut_ns=MONDAY_NS + round(LEARNT * options.days * DAY_NS))
        drift = f"{wear.drift_um}" if wear.on else "none"
        for s in scores:
            told = f"{s.crps:.1f} | {s.coverage:.2f} | {s.pinball:.1f} | {s.bias:.1f}"
            plant = f"{number} | {drift} | {wear.spread} | {wear.scatter_um}"
            print(f"| {plant} | {s.name} | {s.predictions} | {s.whole} | {told} |")
        print(f"| {number} | | | | twin asked at {asked} of {looks} half hours | | | | | | |", flush=True)


if __name__ == "__main__":
    main()
