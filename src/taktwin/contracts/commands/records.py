"""Signatures."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.proving import Proving


class Sign(Proving, frozen=True, kw_only=True):
    """Sign something: who (number or badge) and, each time anew, the PIN."""

    command_name: ClassVar[str] = "record.sign"
    kind: str  # order | job | unit | lot | note | nonconformance | recommendation
    record: str
    meaning: str
    digest: str = ""  # of a unit's device history record, or of a recommendation, that was looked at
