"""What carries a proof of who somebody is."""

from __future__ import annotations

from taktwin.contracts.commands.envelope import CommandData


class Proving(CommandData, frozen=True, kw_only=True):
    """Base of what carries a proof of who somebody is: a badge, or a number with its PIN.

    What proves is looked at once and kept nowhere; no text of such a command shows it.
    """

    person: str = ""  # number; "" = whose badge it is
    pin: str = ""
    badge: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(person={self.person!r}, ...)"
