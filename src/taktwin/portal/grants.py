"""The portal's seal: that this person wants this action of this recommendation carried to the MES.

It lies with the ledger until the portal comes for it, and only the portal can make one. It says of what the
person was shown how many people had to want it and until when it stood, so the ledger, or whoever speaks
under its account, can have nothing carried that too few people wanted, or that stands no more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from taktwin.contracts.recommendation import Action, Recommendation, digest
from taktwin.entropy import secret_token

KEY_FILE = "grants.key"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants it, in which parts of the plant they may ask for it, and what they were shown."""

    person: str
    reach: list[str] | None  # None: everywhere
    approvals: int  # how many people must want it
    until_ns: int  # when it stands no more
    shown: str  # the digest of the whole proposal
    at_ns: int  # when


@dataclass(frozen=True, slots=True)
class Grants:
    """Makes seals, and knows its own again."""

    key: bytes

    def __repr__(self) -> str:
        return "Grants(...)"

    def seal(self, document: Recommendation, person: str, reach: list[str] | None, *, at_ns: int = 0) -> str:
        """Return the seal of a person's yes to a document as it was shown."""
        proposal = document.proposal
        body = msgspec.json.encode(Wanted(
            person=person, reach=reach, approvals=document.approvals_needed, until_ns=proposal.expires_ns,
            shown=digest(proposal), at_ns=at_ns,
        ))  # fmt: skip
        return f"{base64.urlsafe_b64encode(body).decode()}.{self._mark(document.id, proposal.action, body)}"

    def all_opened(self, grants: Sequence[str], recommendation: str, action: Action) -> Wanted | str:
        """Return who wanted it last; what lacks where too few people wanted it."""
        found = [self.opened(each, recommendation, action) for each in grants]
        wanted = [each for each in found if each is not None]
        if not wanted or len(wanted) < len(found):
            return "a seal that is none of this portal's, or none"
        if len({each.shown for each in wanted}) > 1:
            return "seals of different proposals"
        people, needed = {each.person for each in wanted}, max(each.approvals for each in wanted)
        if len(people) < needed:
            return f"{len(people)} of {needed} people who must want it"
        return max(wanted, key=lambda each: each.at_ns)

    def opened(self, grant: str, recommendation: str, action: Action) -> Wanted | None:
        """Return who wanted it; None where the seal is not ours, or of something else."""
        head, _, mark = grant.partition(".")
        try:
            body = base64.urlsafe_b64decode(head.encode())
            right = self._mark(recommendation, action, body)
            if not hmac.compare_digest(mark.encode(), right.encode()):
                return None
            return msgspec.json.decode(body, type=Wanted)
        except (ValueError, msgspec.DecodeError):
            return None

    def _mark(self, recommendation: str, action: Action, body: bytes) -> str:
        # Sorted, because the order of fields is nobody's wish.
        said = [recommendation, action.command, msgspec.json.encode(action.data, order="sorted").decode()]
        text = msgspec.json.encode([*said, body.decode()])
        return hmac.new(self.key, text, hashlib.sha256).hexdigest()


def kept(folder: Path) -> Grants:
    """Return the seals of an installation; its key is drawn at the first start and stays.

    What was accepted before a restart is carried after it.
    """
    path = folder / KEY_FILE
    if not path.exists():
        aside = path.with_suffix(".new")
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret_token(32).encode())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    return Grants(path.read_bytes())
