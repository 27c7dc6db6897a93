"""What an account may be called, what a password must be, how long what lasts. Pure."""

from __future__ import annotations

import re
from collections import OrderedDict

from taktwin.instants import SECOND_NS
from taktwin.mes.resources.engine import Tally, failed

ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
PASSWORD_LETTERS = (10, 200)
ADMIN = "admin"
SESSION_NS = 12 * 3600 * SECOND_NS  # a shift and what comes after it; then one signs in again
CODE_NS = 7 * 86_400 * SECOND_NS  # of an invitation
TOKEN_NS = 366 * 86_400 * SECOND_NS  # no token lives longer
FINGERPRINT = re.compile(r"[0-9a-f]{64}\Z")


def objection_to(password: str, account: str) -> str:
    """Return why a password will not do, "" where it does. Length counts, not the kinds of letters."""
    low, high = PASSWORD_LETTERS
    if not low <= len(password) <= high:
        return f"{len(password)} letters"
    if account.lower() in password.lower():
        return "one with the account's name in it"
    if len(set(password.lower())) < 5:
        return "fewer than 5 different letters"
    return ""


class Strangers:
    """Wrong tries under names that nobody has: they lock as a known name does, or a lock would tell which
    names there are. In memory and of the last thousand names: what a stranger types is kept nowhere."""

    def __init__(self, most: int = 1000) -> None:
        self._tallies: OrderedDict[str, Tally] = OrderedDict()
        self._most = most

    def locked_until_ns(self, name: str, now_ns: int) -> int:
        """Return until when a name is locked, 0 where it is not."""
        tally = self._tallies.get(name)
        return tally.locked_until_ns if tally is not None and tally.locked_until_ns > now_ns else 0

    def count(self, name: str, now_ns: int) -> None:
        """Count one more wrong try."""
        before = self._tallies.pop(name, Tally(0, 0))
        self._tallies[name] = failed(before.wrong, now_ns)
        while len(self._tallies) > self._most:
            self._tallies.popitem(last=False)
