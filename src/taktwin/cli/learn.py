"""`taktwin learn`: versions of models out of a history, offline, for a plant folder to bring along."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from taktwin.analyst import training
from taktwin.analyst.features import Tape, Trace
from taktwin.analyst.model import Model, NotEnough, load_all, usable
from taktwin.analyst.model_store import BROUGHT, ModelStore
from taktwin.analyst.remembering import FACTS, remember
from taktwin.contracts.analyst import VersionDocument
from taktwin.errors import ConfigError, Mistake
from taktwin.history.client import History
from taktwin.history.requests import OWNER
from taktwin.instants import rfc3339
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.virtual_plant.written.filling import RECIPE, Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin learn`."""
    parser.add_argument("plant", help="the plant folder")
    parser.add_argument("--data", required=True, help="data folder with the history that is learnt from")
    parser.add_argument("--into", help="folder of versions (default: that of the plant folder)")
    parser.add_argument("--model", default="", help="only this one (default: all)")


def learn(options: argparse.Namespace) -> int:
    """Learn, keep what was learnt in the shadow, and print how good it is; 1 where nothing was learnt."""
    registry = open_plant(options.plant)
    models, wrong = usable(load_all())
    for name, why in wrong.items():
        print(f"{name} cannot be used: {why}")
    if options.model and options.model not in models:
        raise ConfigError(
            [Mistake("command line", 1, "--model", options.model, f"one of {', '.join(models)}")]
        )
    store = ModelStore(Path(options.into) if options.into else Path(options.plant) / BROUGHT)
    history, learnt_from = History.open(options.data), _said(Path(options.data))
    done = 0
    for name, kind in models.items():
        if options.model in ("", name):
            done += _one(kind, registry, history, store, learnt_from)
    return 0 if done else 1


def _one(kind: type[Model], registry: Registry, history: History, store: ModelStore, said: str) -> bool:
    traces = _traces(kind, registry, history)
    if not traces:
        print(f"{kind.name}: nothing in this history is of the kind that it speaks about")
        return False
    try:
        about, state = training.learnt(kind, traces, now_ns=traces[0].to_ns, learnt_from=said)
    except NotEnough as lack:
        print(f"{kind.name}: {lack}")
        return False
    kept = store.add(about, state)
    print("\n".join(_lines(kept.about)))
    return True


def _traces(kind: type[Model], registry: Registry, history: History) -> list[Trace]:
    subjects = kind.subjects(registry)
    signals = sorted({
        signal for each in subjects for some in each.signals.values() for signal in some
    })  # fmt: skip
    if not signals:
        return []
    tape = Tape(signals)
    table = history.range([name for name in signals if name in registry.by_id])
    remember(tape, table, history.events(types=FACTS))
    if not len(table):
        return []
    to_ns = int(table["source_ns"].to_numpy().max()) + 1
    return [tape.trace(each, to_ns) for each in subjects]


def _said(data: Path) -> str:
    """Return in words which history it is: one that was generated says so."""
    recipe = next((each for each in (data / OWNER / RECIPE, data / RECIPE) if each.exists()), None)
    if recipe is None:
        return "the history of another installation"
    made = msgspec.json.decode(recipe.read_bytes(), type=Recipe)
    return (
        f"a generated past of this plant, played from {rfc3339(made.from_ns)[:10]} on with seed {made.seed}; "
        "no machine has made it"
    )


def _lines(about: VersionDocument) -> list[str]:
    error = "never measured" if about.error is None else f"{about.error:.1%}"
    lines = [
        f"{about.model} {about.version}, in the shadow",
        f"  learnt from {about.learnt_from}",
        f"  data from {rfc3339(about.data_from_ns)[:16]} to {rfc3339(about.data_to_ns)[:16]}",
        f"  error on what it had not seen {error}, by {about.judged} outcomes",
    ]
    for score in about.scores:
        crps = "-" if score.crps is None else f"{score.crps:.4g}"
        covered = "-" if score.coverage is None else f"{score.coverage:.0%}"
        lines.append(f"  {score.name:<20} CRPS {crps:>8}, 80 % covers {covered}")
    return lines
