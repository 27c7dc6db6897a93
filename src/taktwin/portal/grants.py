"""The portal's seal: that this person wants this action of this recommendation carried to the MES.

It lies with the ledger until the portal comes for it, and only the portal can make one. So the ledger, or
whoever speaks under its account, can have nothing carried that no person wanted, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from taktwin.contracts.recommendation import Action
from taktwin.entropy import secret_token

KEY_FILE = "grants.key"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants it, and in which parts of the plant they may ask for it."""

    person: str
    reach: list[str] | None  # None: everywhere


@dataclass(frozen=True, slots=True)
class Grants:
    """Makes seals, and knows its own again."""

    key: bytes

    def __repr__(self) -> str:
        return "Grants(...)"

    def seal(self, recommendation: str, action: Action, wanted: Wanted) -> str:
        """Return the seal of an acceptance."""
        body = msgspec.json.encode(wanted)
        return f"{base64.urlsafe_b64encode(body).decode()}.{self._mark(recommendation, action, body)}"

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
