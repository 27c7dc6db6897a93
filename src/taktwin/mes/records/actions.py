"""Signatures: the primitive that deciders of other rooms yield from, its command, and its table.

A signature means the record as it was at its place in the journal: everything before it is bound into
the same chain. The proof is looked at anew each time, also within a session, and kept nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.records.tables import Signature
from taktwin.mes.resources import actions as resources
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading, Row

DIGEST = re.compile("[0-9a-f]{64}")
RECOMMENDATION = "recommendation"  # of the ledger, signed here, where people are known
MEANINGS = ("performed", "reviewed", "approved", "released", "rejected")


def signed(
    book: Reading,
    proof: commands.Proving,
    asking: Asking,
    *,
    kind: str,
    record: str,
    meaning: str,
    digest: str = "",
) -> Fact:
    """Return the fact of a signature: what a decider that needs one yields first of all.

    Raises
    ------
    Refused
        If the proof is not that of a person: number or badge, and the PIN each time anew.
    """
    if meaning not in MEANINGS:
        raise Refused("invalid", "meaning", repr(meaning), f"one of {', '.join(MEANINGS)}",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    signer = resources.proven(book, proof, asking, pin_always=True)
    event = events.RecordSigned(
        signature=asking.command, kind=kind, record=record, meaning=meaning, person=signer.person,
        printed_name=signer.printed_name or signer.person, digest=digest,
    )  # fmt: skip
    return Fact(event, asking.now_ns)


def _signed(book: Book, event: events.RecordSigned, at_ns: int) -> None:
    book.put(Signature(signature=event.signature, kind=event.kind, record=event.record,
                       meaning=event.meaning, person=event.person, printed_name=event.printed_name,
                       at_ns=at_ns, digest=event.digest))  # fmt: skip
    resources.recognised(book, event.person)


def rules(kinds: Mapping[str, type[Row]]) -> Rules:
    """Return the rules of this room.

    Parameters
    ----------
    kinds : what may be signed by itself, and where such a record lies
    """

    def sign(book: Reading, wish: commands.Sign, asking: Asking) -> Iterator[Fact]:
        if wish.kind not in (*kinds, RECOMMENDATION):
            raise Refused("invalid", "kind", repr(wish.kind), f"one of {', '.join((*kinds, RECOMMENDATION))}",
                          status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
        if wish.kind == RECOMMENDATION:
            # It lies with the ledger: what binds the signature to it is its hash.
            if not (wish.record.strip() and DIGEST.fullmatch(wish.digest)):
                raise Refused("invalid", "digest", repr(wish.digest[:70]),
                              "that of the recommendation, as it was shown",
                              status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
        elif book.get(kinds[wish.kind], wish.record) is None:
            raise unknown(wish.kind, wish.record)
        elif wish.digest and not (wish.kind == "unit" and DIGEST.fullmatch(wish.digest)):
            raise Refused("invalid", "digest", repr(wish.digest[:70]),
                          "that of a unit's record, as it was shown",
                          status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
        yield signed(book, wish, asking, kind=wish.kind, record=wish.record, meaning=wish.meaning,
                     digest=wish.digest)  # fmt: skip

    return Rules(deciders={commands.Sign.command_name: sign}, projectors={events.RecordSigned: _signed})
