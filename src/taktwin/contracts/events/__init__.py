"""The catalogue of facts: CloudEvents 1.0 with typed data, a module for each function.

An event enters the catalogue when something emits it; a test enumerates the catalogue and finds the
emitter. Unknown enumeration values decode as `UNKNOWN`, never as an error. A new event is one class in
the module of its function: it is in the catalogue by that, and the MES may say it.
"""

from __future__ import annotations

import msgspec

from taktwin.contracts.events import advice, observed
from taktwin.contracts.events.accounts import *
from taktwin.contracts.events.advice import *
from taktwin.contracts.events.assets import *
from taktwin.contracts.events.checklists import *
from taktwin.contracts.events.collection import *
from taktwin.contracts.events.definitions import *
from taktwin.contracts.events.documents import *
from taktwin.contracts.events.envelope import *
from taktwin.contracts.events.execution import *
from taktwin.contracts.events.machines import *
from taktwin.contracts.events.maintenance import *
from taktwin.contracts.events.observed import *
from taktwin.contracts.events.performance import *
from taktwin.contracts.events.quality import *
from taktwin.contracts.events.records import *
from taktwin.contracts.events.resources import *
from taktwin.contracts.events.scheduling import *
from taktwin.contracts.events.stock import *
from taktwin.contracts.events.tooling import *
from taktwin.contracts.events.tracking import *

_ALL: tuple[type[EventData], ...] = tuple(EventData.__subclasses__())
# What the MES may say, and nobody else.
MES_EVENTS = tuple(kind for kind in _ALL if kind.__module__ not in (observed.__name__, advice.__name__))
# What the ledger may say, and nobody else.
LEDGER_EVENTS = tuple(kind for kind in _ALL if kind.__module__ == advice.__name__)
CATALOGUE: dict[str, type[EventData]] = {kind.event_type: kind for kind in _ALL}


def content_of(event: CloudEvent) -> EventData | None:
    """Return the typed data, or None for a type that this release does not know."""
    kind = CATALOGUE.get(event.name)
    return None if kind is None else msgspec.json.decode(event.data, type=kind)
