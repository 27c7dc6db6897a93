"""Messages of an ERP: what is in them becomes commands of its own."""

from __future__ import annotations

import msgspec


class ImportOrders(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data of the command `order.import`: a message; its parts become commands of their own."""

    format: str  # csv | b2mml
    content: bytes


IMPORT_ORDERS = "order.import"


class ImportedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one part of a message: an order, a job order, a definition."""

    request: str
    accepted: bool
    code: str = ""
    reason: str = ""
    remark: str = ""  # of one that was accepted: what of it was not used


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message; place, found and right only where it could not be read at all."""

    rows: list[ImportedRow] = []
    document: str = ""  # B2MML's own answer
    place: str = ""
    found: str = ""
    right: str = ""
