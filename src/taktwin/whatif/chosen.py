"""Which calibration answers rest on: sets as files, and a journal of what was proposed and taken into use.

| in the folder | what |
|---|---|
| `*.json` | sets that somebody made by command (`kept`) |
| `proposed/*.json` | sets that the room made; they change no answer until one is taken into use |
| `journal/*.json` | who took which set into use, when, why; and what was proposed for which reason |

The newest entry counts whose set can be read; where there is none, the newest set that was made by command.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from taktwin.contracts.calibration import IN_USE, STANDARD_TIMES, Entry
from taktwin.contracts.whatif import Note
from taktwin.errors import DomainError
from taktwin.simulation.parameters import ParameterSet
from taktwin.whatif import kept
from taktwin.whatif.model import Parameters

JOURNAL = "journal"
log = logging.getLogger(__name__)


def proposed(where: Path) -> Path:
    """Return where sets lie that nobody has asked for by command."""
    return where / "proposed"


def files(where: Path) -> dict[str, Path]:
    """Return calibration -> its file, of all sets, those with the newest data first."""
    paths = [*where.glob("*.json"), *proposed(where).glob("*.json")]
    return {path.stem.rpartition("-")[2]: path for path in sorted(paths, key=_name, reverse=True)}


def _name(path: Path) -> str:
    return path.name


def read(path: Path) -> ParameterSet | None:
    """Return the set of a file; None where it was cut or changed by hand, and the log says so."""
    try:
        return kept.read(path).measured
    except (OSError, ValueError, DomainError) as wrong:
        log.warning("%s is passed over: %s", path.name, wrong)
        return None


def in_use(where: Path) -> Parameters:
    """Return the parameters that answers are made with; assumptions where there are no measured ones."""
    used = entry_in_use(where)
    if used is None:
        return kept.newest(where)
    found = None if used.calibration == STANDARD_TIMES else read(files(where)[used.calibration])
    return Parameters() if found is None else kept.parameters_of(found)


def entry_in_use(where: Path) -> Entry | None:
    """Return who took what is in use into use; None where nobody decided, or what they chose is gone."""
    known = files(where)
    for entry in journal(where):
        if entry.what != IN_USE:
            continue
        if entry.calibration == STANDARD_TIMES:
            return entry
        if entry.calibration in known and read(known[entry.calibration]) is not None:
            return entry
    return None


def journal(where: Path) -> list[Entry]:
    """Return all entries, the newest first; what is none is passed over, and the log says so."""
    found = []
    for path in sorted((where / JOURNAL).glob("*.json"), reverse=True):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Entry))
        except (OSError, msgspec.DecodeError) as wrong:
            log.warning("%s is passed over: %s", path.name, wrong)
    return sorted(found, key=lambda entry: entry.number, reverse=True)


def write(
    where: Path, *, what: str, calibration: str, by: str, at_ns: int = 0, who: str = "", why: str = "",
    reasons: Sequence[Note] = (),
) -> Entry:  # fmt: skip
    """Write an entry behind all others, whole or not at all. Raises OSError where the disk refuses."""
    folder = where / JOURNAL
    folder.mkdir(parents=True, exist_ok=True)
    number = max((entry.number for entry in journal(where)), default=0) + 1
    entry = Entry(number=number, what=what, calibration=calibration, by=by, at_ns=at_ns, who=who, why=why,
                  reasons=list(reasons))  # fmt: skip
    path = folder / f"{number:06}-{what}-{calibration}.json"
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(entry)))
    part.replace(path)
    return entry
