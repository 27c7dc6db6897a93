"""What is known of a person's certificates, from the rows. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from taktwin.mes.resources.engine import objection
from taktwin.mes.resources.tables import Certificate, Credential
from taktwin.storage.book import Reading


def checked(book: Reading, skills: Iterable[str]) -> tuple[str, ...]:
    """Return the skills that are checked: those of which a certificate was ever granted.

    Revoked and expired ones count too: a skill must not become free because its last holder lost it.
    """
    return tuple(skill for skill in skills if book.where(Certificate, skill=skill))


def signs(book: Reading) -> bool:
    """Return whether this plant signs: somebody has a PIN. One that gave out none works by roles alone."""
    return any(row.pin for row in book.where(Credential))


def lack(book: Reading, person: str, skill: str, now_ns: int) -> str:
    """Return why a person may not do what needs a skill, "" where they may."""
    row = book.get(Certificate, f"{person}:{skill}")
    if row is None:
        return objection(granted=False, revoked=None, valid_until_ns=0, now_ns=now_ns)
    return objection(
        granted=True, revoked=row.reason if row.revoked else None, valid_until_ns=row.valid_until_ns,
        now_ns=now_ns,
    )  # fmt: skip


def qualified(book: Reading, now_ns: int) -> dict[str, set[str]]:
    """Return who holds each checked skill now; a skill that is not in it is not checked."""
    found: dict[str, set[str]] = {}
    for row in book.where(Certificate):
        holders = found.setdefault(row.skill, set())
        if not row.revoked and row.valid_until_ns > now_ns:
            holders.add(row.person)
    return found
