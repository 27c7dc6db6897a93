"""Documents: deciders of their release and withdrawal, and the only writers of their tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.documents.queries import in_force
from taktwin.mes.documents.tables import Acknowledgement, DocumentRevision
from taktwin.plant.instructions import Draft
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

# Deciders


def release_document(book: Reading, wish: commands.ReleaseDocument, asking: Asking) -> Iterator[Fact]:
    """Put a draft in force: the one that the person saw, from now on or later."""
    draft = _draft(wish.document, asking)
    if draft.digest != wish.digest:
        raise Refused("conflict", f"document {wish.document}", f"a draft {draft.digest[:12]}",
                      f"the draft {wish.digest[:12]}: it was changed meanwhile")  # fmt: skip
    before = book.where(DocumentRevision, document=wish.document)
    now = in_force(before, asking.now_ns)
    if now is not None and now.digest == draft.digest and now is max(before, key=lambda row: row.revision):
        raise Refused("state", f"document {wish.document}", f"in force already as revision {now.revision}",
                      "a draft that differs", row=now)  # fmt: skip
    from_ns = wish.effective_from_ns or asking.now_ns
    if from_ns < asking.now_ns:
        raise Refused("invalid", "effective from", f"{(asking.now_ns - from_ns) / 1e9:.0f} s ago",
                      "now or later", status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if wish.effective_to_ns and wish.effective_to_ns <= from_ns:
        raise Refused("invalid", "effective to", "not after its beginning", "an instant after effective from",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    # The files before the fact that names them; kept without it they do no harm.
    if not asking.definitions.documents.keep(draft):
        raise Refused("conflict", f"document {wish.document}", "a file that was changed just now",
                      "the draft that was looked at")  # fmt: skip
    content = draft.content
    yield Fact(
        events.DocumentReleased(
            document=wish.document, revision=1 + max((row.revision for row in before), default=0),
            title=content.title, products=content.products, operation=content.operation,
            required=content.required, digest=draft.digest,
            steps=[
                events.DocumentStep(title=step.title, text=step.text, picture=draft.kept(step.picture))
                for step in content.steps
            ],
            pdf=draft.kept(content.pdf), effective_from_ns=from_ns, effective_to_ns=wish.effective_to_ns,
        ),
        asking.now_ns,
    )  # fmt: skip


def _draft(name: str, asking: Asking) -> Draft:
    drafts = asking.definitions.documents.drafts()
    draft = drafts.good.get(name)
    if draft is not None:
        return draft
    for mistake in drafts.mistakes:
        if Path(mistake.file).stem == name:
            raise Refused("invalid", f"{Path(mistake.file).name}:{mistake.line} {mistake.field}",
                          mistake.found, mistake.expected, status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    raise unknown("document", name)


def withdraw_document(book: Reading, wish: commands.WithdrawDocument, asking: Asking) -> Iterator[Fact]:
    """Take a revision out of force."""
    row = _revision(book, wish.document, wish.revision)
    if not wish.cause.strip():
        raise Refused("invalid", "reason", "nothing", "why nobody may work by it",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    yield Fact(
        events.DocumentWithdrawn(document=row.document, revision=row.revision, cause=wish.cause),
        asking.now_ns,
    )


def acknowledge_document(book: Reading, wish: commands.AcknowledgeDocument, asking: Asking) -> Iterator[Fact]:
    """Note that a person has read a revision; said twice, it is noted once."""
    row = _revision(book, wish.document, wish.revision)
    if not asking.person:
        raise Refused("invalid", "who", "no person", "a person who has read it",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if book.get(Acknowledgement, f"{row.key}:{asking.person}") is None:
        yield Fact(
            events.DocumentAcknowledged(document=row.document, revision=row.revision, person=asking.person),
            asking.now_ns,
        )


def _revision(book: Reading, document: str, revision: int) -> DocumentRevision:
    row = book.get(DocumentRevision, f"{document}:{revision}")
    if row is None:
        raise unknown("revision of a document", f"{document}:{revision}")
    if row.withdrawn_ns:
        raise Refused("state", f"revision {revision} of {document}", f"withdrawn ({row.reason})",
                      "a revision that was not withdrawn", row=row)  # fmt: skip
    return row


# Projectors


def _released(book: Book, event: events.DocumentReleased, at_ns: int) -> None:
    book.put(DocumentRevision(
        key=f"{event.document}:{event.revision}", document=event.document, revision=event.revision,
        title=event.title, products=msgspec.json.encode(event.products).decode(), operation=event.operation,
        required=event.required, digest=event.digest, steps=msgspec.json.encode(event.steps).decode(),
        pdf=event.pdf, effective_from_ns=event.effective_from_ns, effective_to_ns=event.effective_to_ns,
        released_ns=at_ns, withdrawn_ns=0, reason="",
    ))  # fmt: skip


def _withdrawn(book: Book, event: events.DocumentWithdrawn, at_ns: int) -> None:
    row = book.get(DocumentRevision, f"{event.document}:{event.revision}")
    assert row is not None, "decided on a revision that is there"
    book.put(msgspec.structs.replace(row, withdrawn_ns=at_ns, reason=event.cause))


def _acknowledged(book: Book, event: events.DocumentAcknowledged, at_ns: int) -> None:
    book.put(Acknowledgement(
        acknowledgement=f"{event.document}:{event.revision}:{event.person}", document=event.document,
        revision=event.revision, person=event.person, at_ns=at_ns,
    ))  # fmt: skip


RULES = Rules(
    deciders={
        commands.ReleaseDocument.command_name: release_document,
        commands.WithdrawDocument.command_name: withdraw_document,
        commands.AcknowledgeDocument.command_name: acknowledge_document,
    },
    projectors={
        events.DocumentReleased: _released,
        events.DocumentWithdrawn: _withdrawn,
        events.DocumentAcknowledged: _acknowledged,
    },
)
