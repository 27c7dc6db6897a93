"""What people at the machines have done by the word of the MES: a tool that was said to be in, goes in.

In a plant a person changes the tool and confirms it at the terminal; the machine's own counter begins anew
because of the hand, not because of the MES. Here nobody's hand is real, so whoever confirms at the terminal,
played or not, moves this one. Nothing is ever asked of a machine, and what the MES only plans moves nobody.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import msgspec

from taktwin.contracts import events
from taktwin.contracts.events.tooling import ToolMounted
from taktwin.plant.registry import Registry

log = logging.getLogger(__name__)

KNOWN_MAX = 1000  # events whose ids are kept: a relay that died may say one twice
HEARD = ToolMounted.event_type


class Hands:
    """The people of a played plant, as far as they listen to the MES."""

    def __init__(self, registry: Registry, change_tool: Callable[[str], bool]) -> None:
        """`change_tool`: puts another tool into a unit; whether there is one to change."""
        self._registry = registry
        self._change_tool = change_tool
        self._known: deque[tuple[str, str]] = deque(maxlen=KNOWN_MAX)

    def heard(self, payload: bytes) -> None:
        """Hear an event of the MES; what is not about a tool that wears moves nobody."""
        try:
            event = events.decode(payload)
            said = events.content_of(event)
        except msgspec.DecodeError as wrong:
            log.warning("an event of the MES was not understood: %s", wrong)
            return
        if not isinstance(said, ToolMounted) or event.key in self._known:
            return
        self._known.append(event.key)
        kind = self._registry.tools.get(said.kind)
        if kind is None or kind.life_parts is None:
            return  # a fixture: it has no life that a machine counts
        if self._change_tool(said.work_unit):
            log.info("%s is put into %s, as it was said at the terminal", said.tool, said.work_unit)
