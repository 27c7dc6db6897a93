"""What a run is at the end of a shift, on disk: it goes on in another process, bit for bit.

The MES goes on from its own rows, facts and answers; the people from what they know and have to do; the
commander from its book. The plant alone is no data (its processes are SimPy's): it is made anew from the
seed and played by the tape of what came to it from outside, without the MES. Its truth up to there must
be the one that was kept, fact by fact, and its machines must say what they said last; else nothing goes on.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
from pathlib import Path
from typing import Any

from taktwin.commander.begun import FILE
from taktwin.plant.registry import Registry
from taktwin.storage.stores import MemoryStore
from taktwin.virtual_plant.physics import Physics
from tests.lockstep.floor import Site
from tests.lockstep.tape import OtherPlant

ROOT = Path(__file__).resolve().parents[2]
SITE = ("heard", "at", "by_hand", "labour", "ears", "_position", "_said", "_swapped")
SETTINGS = ("seed", "start_ns", "mistakes_on")


class OtherCode(Exception):
    """What was kept is of other code: it would not go on as it began."""


@functools.cache
def code() -> str:
    """Return the fingerprint of all that decides how a run goes on."""
    found = hashlib.sha256()
    for folder in ("src/taktwin", "tests/lockstep", "examples/plants/northfield"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml", ".sql") and path.is_file():
                found.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return found.hexdigest()


def keep(site: Site, path: Path) -> None:
    """Write a run down as it is at the end of a shift; what was kept before stays until that is done."""
    assert isinstance(site.store, MemoryStore), "a database keeps itself"
    assert site.folder is not None, "a site has a folder"
    state = {
        "code": code(),
        "settings": {name: getattr(site, name) for name in SETTINGS},
        "site": {name: getattr(site, name) for name in SITE},
        "people": vars(site.people) | {"site": None},
        "stands": vars(site.stands) | {"site": None, "people": None},
        "rows": list(site.store.book.rows.values()),
        "entries": site.store.entries,
        "answers": site.store.answers,
        "begun": (site.folder / FILE).read_bytes(),
        "tape": site.tape,
        "facts": site.facts,
        "last": site.plant.last,
    }
    aside = path.with_suffix(".new")
    aside.write_bytes(pickle.dumps(state))
    aside.replace(path)


def resumed(registry: Registry, physics: Physics, path: Path, folder: Path) -> Site:
    """Return the run that was written down, as it was then.

    Raises OtherCode, or OtherPlant where the plant that is made anew is not the one that was kept.
    """
    state: dict[str, Any] = pickle.loads(path.read_bytes())
    if state["code"] != code():
        raise OtherCode(str(path))
    store = MemoryStore()
    for row in state["rows"]:
        store.book.put(row)
    store.entries, store.answers = state["entries"], state["answers"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(state["begun"])
    site = Site(registry, physics, store=store, folder=folder, played=state["tape"], **state["settings"])
    try:
        site.replay()
        if site.facts != state["facts"] or site.plant.last != state["last"]:
            raise OtherPlant("its truth is another one")
    except OtherPlant:
        site.close()
        raise
    for name in SITE:
        setattr(site, name, state["site"][name])
    vars(site.people).update(state["people"] | {"site": site})
    vars(site.stands).update(state["stands"] | {"site": site, "people": site.people})
    return site
