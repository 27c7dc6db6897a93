"""Calibrations as files: one is written and never changed, the newest is what the room answers with.

A file is called after the end of its data and the hash of its content, so that a later one sorts behind an
earlier one, and every answer that names its calibration can be held against the document itself.
"""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from pathlib import Path

from taktwin.errors import DomainError
from taktwin.instants import rfc3339
from taktwin.simulation.parameters import ParameterSet, from_json
from taktwin.whatif.model import Parameters

SHORT = 12  # digits of the hash that name a calibration
log = logging.getLogger(__name__)


def folder(whatif: Path) -> Path:
    """Return where calibrations lie in the folder of the what-if room."""
    return whatif / "calibration"


def keep(found: ParameterSet, where: Path) -> Path:
    """Write a calibration whole or not at all, and return its file."""
    where.mkdir(parents=True, exist_ok=True)
    end = rfc3339(found.to_ns or 0)[:19].replace("-", "").replace(":", "")
    path = where / f"{end}Z-{found.hash[:SHORT]}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def newest(where: Path) -> Parameters:
    """Return the parameters of the newest calibration; assumptions where there is none that can be read.

    One that was cut or changed by hand is passed over, and the log says so.
    """
    for path in sorted(where.glob("*.json"), reverse=True):
        try:
            return read(path)
        except (OSError, ValueError, DomainError) as wrong:
            log.warning("%s is passed over: %s", path.name, wrong)
    return Parameters()


def read(path: Path) -> Parameters:
    """Return the calibration of a file.

    Raises
    ------
    OSError, ValueError, DomainError
        If it cannot be read, is no calibration, or was changed by hand.
    """
    return _read(path, path.stat().st_mtime_ns)


def parameters_of(found: ParameterSet) -> Parameters:
    """Return a calibration as the room asks for it."""
    return Parameters(calibration=found.hash[:SHORT], measured=found)


@lru_cache(maxsize=4)
def _read(path: Path, _written_ns: int) -> Parameters:
    return parameters_of(from_json(json.loads(path.read_text(encoding="utf-8"))))
