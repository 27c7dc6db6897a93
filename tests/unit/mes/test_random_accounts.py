"""Random sequences with accounts: who may not is nobody, who may is recognised, an admin is always left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData
from taktwin.entropy import fingerprint
from taktwin.mes.accounts.actions import has_admin
from taktwin.mes.accounts.engine import CODE_NS, SESSION_NS
from taktwin.mes.accounts.tables import Account
from taktwin.mes.api import QUERIES
from taktwin.mes.resources.engine import Tally
from tests.unit.mes.conftest import Shop
from tests.unit.mes.test_random_commands import DEFINITIONS, chained_and_rebuilt, run

names = st.sampled_from(("P05", "P35", "P32"))
passwords = st.sampled_from(("a long walk home", "another walk home"))
numbers = st.integers(0, 3)
SETUP = "of the console"
HOUR_NS = 3_600_000_000_000


class Office(RuleBasedStateMachine):
    """Accounts of which anything may be asked at any time; beside them what a person would expect of each."""

    @initialize()
    def open(self) -> None:
        """Open an office with one admin."""
        self.shop = Shop(DEFINITIONS)
        self.shop.desk._setup_code = fingerprint(SETUP)
        self.admins: set[str] = set()
        self.password: dict[str, str] = {}
        self.shown: dict[str, tuple[str, int]] = {}  # session -> account, until
        self.given: dict[str, str] = {}  # token -> account
        self.codes: dict[str, tuple[str, int]] = {}  # account -> code, until
        self.wrong: dict[str, int] = {}
        self.locked: dict[str, int] = {}
        self.enter("P35")
        self.invited("P35", 0)
        self.choose("P35", "a long walk home", 0)
        self.role("P35", "admin", True)

    def ask(self, wish: CommandData) -> bool:
        return self.shop.ask(wish).accepted

    @rule(name=names)
    def enter(self, name: str) -> None:
        if self.ask(commands.OpenAccount(account=name, code=fingerprint("never used"))):
            self.over(name)

    def over(self, name: str) -> None:
        self.shown = {one: (account, end) for one, (account, end) in self.shown.items() if account != name}
        for book in (self.password, self.codes, self.wrong, self.locked):
            book.pop(name, None)

    @rule(name=names, number=numbers)
    def invited(self, name: str, number: int) -> None:
        if self.ask(commands.InviteAccount(account=name, code=fingerprint(f"{name}{number}"))):
            self.over(name)
            self.codes[name] = (f"{name}{number}", self.shop.now_ns + CODE_NS)

    @rule(name=names, password=passwords, number=numbers)
    def choose(self, name: str, password: str, number: int) -> None:
        code, until_ns = self.codes.get(name, ("", 0))
        right = code == f"{name}{number}" and until_ns > self.shop.now_ns + 1_000_000_000
        wish = commands.SetPassword(account=name, password=password, code=fingerprint(f"{name}{number}"))
        assert self.ask(wish) == right
        if right:
            self.over(name)
            self.password[name] = password

    @rule(name=names, password=passwords, code=st.sampled_from((SETUP, SETUP, "", "guessed")))
    def set_up(self, name: str, password: str, code: str) -> None:
        """With the console's code, as long as no admin can sign in; and never with another one."""
        right = code == SETUP and not self.admins & set(self.password)
        wish = commands.SetUp(account=name, password=password, code=fingerprint(code) if code else "")
        assert self.ask(wish) == right
        if right:
            self.over(name)
            self.password[name] = password
            self.admins.add(name)

    @rule(name=names, password=passwords, number=numbers, times=st.sampled_from((1, 1, 6)))
    def try_to(self, name: str, password: str, number: int, times: int) -> None:
        for _ in range(times):
            self.sign_in(name, password, number)

    def sign_in(self, name: str, password: str, number: int) -> None:
        session = f"{name}/{number}/{self.shop.now_ns}"
        now_ns = self.shop.now_ns + 1_000_000_000
        free = self.locked.get(name, 0) <= now_ns
        right = self.password.get(name) == password and free
        wish = commands.SignIn(account=name, password=password, session=fingerprint(session))
        assert self.ask(wish) == right
        if right:
            self.shown[session] = (name, now_ns + SESSION_NS)
            self.wrong.pop(name, None)
        elif name in self.password and free:
            self.wrong[name] = self.wrong.get(name, 0) + 1
            if self.wrong[name] >= 5:
                self.locked[name] = now_ns + 300_000_000_000

    @rule(name=names, how=st.sampled_from(("close", "end", "out")))
    def leave(self, name: str, how: str) -> None:
        mine = [one for one, (account, _) in self.shown.items() if account == name]
        if how == "close" and self.ask(commands.CloseAccount(account=name, cause="left")):
            self.over(name)
            self.admins.discard(name)
            self.given = {one: account for one, account in self.given.items() if account != name}
        elif how == "end" and self.ask(commands.EndSessions(account=name, cause="lost")):
            self.shown = {one: kept for one, kept in self.shown.items() if one not in mine}
        elif how == "out" and mine:
            assert self.ask(commands.SignOut(session=fingerprint(mine[0])))
            del self.shown[mine[0]]

    @rule(name=names, role=st.sampled_from(("admin", "operator")), give=st.booleans())
    def role(self, name: str, role: str, give: bool) -> None:
        wish = commands.GrantRole if give else commands.WithdrawRole
        if self.ask(wish(account=name, role=role)) and role == "admin":
            (self.admins.add if give else self.admins.discard)(name)

    @rule(name=names, number=numbers, revoke=st.booleans())
    def token(self, name: str, number: int, revoke: bool) -> None:
        token = f"{name}{number}"
        until_ns = self.shop.now_ns + 300 * 24 * HOUR_NS
        wish = commands.IssueToken(
            token=fingerprint(token), account=name, name="x", actions=[], until_ns=until_ns
        )
        if revoke:
            self.ask(commands.RevokeToken(token=fingerprint(token)))
            self.given.pop(token, None)
        elif self.ask(wish):
            self.given[token] = name

    @rule(hours=st.sampled_from((0, 0, 1, 13, 24 * 8)))
    def wait(self, hours: int) -> None:
        self.shop.now_ns += hours * HOUR_NS
        if hours:
            self.locked.clear()

    def whose(self, kind: str, shown: str) -> str:
        wish = {"kind": kind, "fingerprint": fingerprint(shown)}
        found = QUERIES["identify"](self.shop.store.book, DEFINITIONS, wish, self.shop.now_ns)
        return str(found.get("account", ""))

    @invariant()
    def somebody_is_recognised_just_as_long_as_they_are_signed_in(self) -> None:
        for session, (account, until_ns) in self.shown.items():
            assert self.whose("session", session) == (account if until_ns > self.shop.now_ns else "")
        for token, account in self.given.items():
            assert self.whose("token", token) == account

    @invariant()
    def nobody_else_is(self) -> None:
        signed_in = {fingerprint(session) for session in self.shown}
        rows = self.shop.store.book.rows
        assert {key for table, key in rows if table == "sessions"} <= signed_in
        for row in self.shop.store.book.where(Account):
            assert row.password == (row.account in self.password)

    @invariant()
    def an_admin_who_can_sign_in_is_left_unless_they_gave_themselves_a_new_code(self) -> None:
        assert has_admin(self.shop.store.book) or "P35" in self.codes or not self.password

    @invariant()
    def the_journal_holds_and_makes_the_rows(self) -> None:
        chained_and_rebuilt(self.shop)


def test_random_commands_with_accounts_let_nobody_in_who_may_not() -> None:
    run(Office, 40)


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "sessions outlive what ends them": ("taktwin.mes.accounts.actions._end", lambda *_: None),
    "any password opens": ("taktwin.mes.resources.engine.matches", lambda *_: True),
    "the last admin may go": ("taktwin.mes.accounts.actions._last_admin", lambda *_: None),
    "whoever has the console's code is one more admin": (
        "taktwin.mes.accounts.actions.has_admin",
        lambda _: False,
    ),
    "wrong passwords are not counted": (
        "taktwin.mes.accounts.actions.failed",
        lambda *_: Tally(1, 0),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_commands_find_a_planted_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(Office, 1000, shrink=False)
