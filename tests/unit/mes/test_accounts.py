"""Accounts: who signs in, what is refused in which words, what a role reaches, and no secret anywhere."""

from __future__ import annotations

import logging

import msgspec
import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import CATALOGUE, Answer
from taktwin.entropy import fingerprint, one_time_code
from taktwin.identity import reaches
from taktwin.mes.accounts import demo
from taktwin.mes.accounts.tables import Account, Password, RoleGrant, Session, Token, Tries
from taktwin.mes.api import QUERIES
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import rebuilt
from taktwin.mes.reach import PLACES
from taktwin.mes.resources import engine
from taktwin.plant import open_plant
from taktwin.storage.journal import verify
from tests.unit.mes.conftest import PLANT, SECOND, Shop
from tests.unit.mes.test_thin_whole import drop

SITE = "aurora/northfield"
PASSWORD, CODE, SETUP = "a long walk home", "ABCD-EFGH", "SETU-PCODE"
MINUTE, DAY = 60 * SECOND, 86_400 * SECOND


def sign_in(shop: Shop, account: str = "P35", password: str = PASSWORD, session: str = "") -> Answer:
    number = len(shop.store.entries)
    shown = fingerprint(session or f"s{number}-{shop.now_ns}")
    return shop.ask(commands.SignIn(account=account, password=password, session=shown), actor="portal")


def join(shop: Shop, account: str, *roles: tuple[str, str], password: str = PASSWORD) -> None:
    shop.granted(commands.OpenAccount(account=account, code=fingerprint(CODE)))
    for role, scope in roles:
        shop.granted(commands.GrantRole(account=account, role=role, scope=scope))
    shop.granted(commands.SetPassword(account=account, password=password, code=fingerprint(CODE)))


@pytest.fixture
def office(shop: Shop) -> Shop:
    """A shop with an admin and an operator of the assembly."""
    join(shop, "P35", ("admin", ""))
    join(shop, "P05", ("operator", f"{SITE}/assembly"))
    return shop


def who(shop: Shop, shown: str, kind: str = "session") -> dict[str, object]:
    wish = {"kind": kind, "fingerprint": fingerprint(shown)}
    return QUERIES["identify"](shop.store.book, shop.definitions, wish, shop.now_ns)


def test_whoever_signs_in_is_recognised_until_they_sign_out_or_a_shift_is_over(office: Shop) -> None:
    assert sign_in(office, "P05", session="one").events == ["account.signed.in"]
    found = who(office, "one")
    assert (found["account"], found["roles"]) == (
        "P05", [{"role": "operator", "scope": f"{SITE}/assembly"}],
    )  # fmt: skip
    assert who(office, "another") == {}
    sign_in(office, "P05", session="two")
    office.granted(commands.SignOut(session=fingerprint("one")))
    assert who(office, "one") == {} and who(office, "two")["account"] == "P05"
    assert office.granted(commands.SignOut(session=fingerprint("one"))).events == []
    office.now_ns += 12 * 60 * MINUTE
    assert who(office, "two") == {}
    sign_in(office, "P05")
    assert len(office.store.book.where(Session, account="P05")) == 1, "what is over is forgotten"


def test_a_session_of_a_closed_account_ends_at_once_and_so_do_its_tokens(office: Shop) -> None:
    sign_in(office, "P05", session="one")
    office.granted(commands.IssueToken(token=fingerprint("t"), account="P05", name="report", actions=[],
                                       until_ns=office.now_ns + DAY))  # fmt: skip
    assert who(office, "t", "token")["account"] == "P05"
    office.granted(commands.CloseAccount(account="P05", cause="left"))
    assert who(office, "one") == {} and who(office, "t", "token") == {}
    assert not sign_in(office, "P05").accepted
    again = office.granted(commands.OpenAccount(account="P05", code=fingerprint("new")))
    assert again.events == ["account.opened", "account.invited"]
    assert office.store.book.where(RoleGrant, account="P05") == [], "who comes back begins without roles"
    assert who(office, "one") == {}


@pytest.mark.parametrize("end", ["end", "invite", "password"])
def test_sessions_end_when_an_admin_ends_them_and_with_a_new_password(office: Shop, end: str) -> None:
    sign_in(office, "P05", session="one")
    wish: commands.CommandData = {
        "end": commands.EndSessions(account="P05", cause="tablet lost"),
        "invite": commands.InviteAccount(account="P05", code=fingerprint("x")),
        "password": commands.SetPassword(account="P05", password="another walk home", before=PASSWORD),
    }[end]
    office.granted(wish)
    assert who(office, "one") == {}
    assert sign_in(office, "P05").accepted == (end == "end")


def test_five_wrong_passwords_lock_for_minutes_and_a_stranger_hears_the_same(office: Shop) -> None:
    said: dict[str, list[Answer]] = {"P05": [], "nobody": []}
    for name, answers in said.items():
        answers += [sign_in(office, name, "wrong wrong wrong") for _ in range(6)]
        office.now_ns += 10 * MINUTE
    for mine, strange in zip(said["P05"], said["nobody"], strict=True):
        assert (mine.code, mine.place, mine.found) == (strange.code, strange.place, strange.found)
        assert mine.right.split()[1:] == strange.right.split()[1:]
    assert "locked after 5 wrong tries" in said["P05"][5].found
    refused = [e for e in office.store.entries if e.event_type == "account.not.recognised"]
    assert [e.subject for e in refused] == ["P05"] * 5 + ["unknown"] * 5
    assert "nobody" not in "".join(e.content + e.actor for e in refused), "it may be a password"
    assert sign_in(office, "P05").accepted and office.store.book.get(Tries, "P05") is None


def test_while_it_is_locked_the_right_password_does_not_open(office: Shop) -> None:
    for _ in range(5):
        sign_in(office, "P05", "wrong wrong wrong")
    assert "locked" in sign_in(office, "P05").found
    office.now_ns += 6 * MINUTE
    assert sign_in(office, "P05").accepted


def test_an_unknown_name_takes_as_many_hashes_as_a_wrong_password(
    office: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    right = engine.matches
    monkeypatch.setattr(engine, "matches", lambda given, kept: (looked.append(kept), right(given, kept))[1])
    counts = []
    office.granted(commands.OpenAccount(account="P09", code=fingerprint("x")))  # no password yet
    for name in ("P05", "nobody", "P09"):
        looked.clear()
        sign_in(office, name, "wrong wrong wrong")
        counts.append(len(looked))
        assert looked[0].split("$")[:4] == ["", "argon2id", "v=19", "m=1024,t=2,p=1"], "as costly"
    assert counts == [1, 1, 1]


def token(account: str) -> commands.IssueToken:
    return commands.IssueToken(token="0" * 64, account=account, name="x", actions=[], until_ns=1)


@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        (commands.OpenAccount(account="../P05", code="0" * 64), "invalid", "../P05"),
        (commands.OpenAccount(account="unknown", code="0" * 64), "invalid", "unknown"),
        (commands.OpenAccount(account="p05", code="0" * 64), "state", "there already"),
        (commands.OpenAccount(account="P05", code="0" * 64), "state", "there already"),
        (commands.OpenAccount(account="new", code="plain"), "invalid", "5 letters"),
        (commands.OpenAccount(account="new", code="0" * 64, language="fr"), "invalid", "fr"),
        (commands.InviteAccount(account="nobody", code="0" * 64), "unknown", "nobody"),
        (commands.InviteAccount(account="P35", code="0" * 64), "state", "the last admin"),
        (commands.GrantRole(account="P05", role="king"), "invalid", "king"),
        (commands.GrantRole(account="P05", role="leader", scope=f"{SITE}/../northfield"), "unknown", ".."),
        (commands.GrantRole(account="P05", role="leader", scope=f"{SITE}/assembly/"), "unknown", "assembly/"),
        (commands.GrantRole(account="P05", role="leader", scope="aurora"), "unknown", "aurora"),
        (commands.GrantRole(account="P05", role="leader", scope="%2e%2e"), "unknown", "%2e"),
        (commands.GrantRole(account="P05", role="admin", scope=f"{SITE}/assembly"), "invalid", "assembly"),
        (commands.WithdrawRole(account="P35", role="admin"), "state", "the last admin"),
        (commands.WithdrawRole(account="P05", role="operator"), "unknown", "operator"),
        (commands.CloseAccount(account="P35", cause="left"), "state", "the last admin"),
        (commands.CloseAccount(account="P05", cause=" "), "invalid", "1 letters"),
        (commands.EndSessions(account="nobody", cause="x"), "unknown", "nobody"),
        (commands.SetUp(account="P01", password=PASSWORD, code="0" * 64), "denied", "done already"),
        (commands.SetPassword(account="P05", password=PASSWORD, code=fingerprint(CODE)), "denied", "used"),
        (commands.SetPassword(account="nobody", password=PASSWORD, code="0" * 64), "denied", "used"),
        (commands.SetPassword(account="P05", password="short", before=PASSWORD), "invalid", "5 letters"),
        (commands.SetPassword(account="P05", password="aaaaaaaaaaaa", before=PASSWORD), "invalid", "fewer"),
        (commands.SetPassword(account="P05", password="p05 p05 p05 !", before=PASSWORD), "invalid", "name"),
        (commands.SignIn(account="P05", password=PASSWORD, session="mine"), "invalid", "4 letters"),
        (token("nobody"), "unknown", "nobody"),
        (token("P05"), "invalid", "1"),
        (commands.RevokeToken(token="0" * 64), "unknown", "000"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why_and_leaves_nothing(
    office: Shop, wish: commands.CommandData, code: str, words: str
) -> None:
    before = dict(office.store.book.rows)
    answer = office.ask(wish)
    assert (answer.accepted, answer.code) == (False, code), answer
    assert words in answer.found
    assert office.store.book.rows == before


def test_nobody_brings_the_session_that_they_sign_in_with_twice(office: Shop) -> None:
    assert sign_in(office, "P05", session="fixed").accepted
    assert sign_in(office, "P35", session="fixed").found == "one that was used before"
    assert who(office, "fixed")["account"] == "P05"


def test_a_code_counts_once_for_its_own_account_and_for_a_week(office: Shop) -> None:
    code = fingerprint(one_time_code())
    office.granted(commands.InviteAccount(account="P05", code=code))
    other = commands.SetPassword(account="P35", password=PASSWORD + "!", code=code)
    assert not office.ask(other).accepted
    office.now_ns += 7 * DAY
    late = commands.SetPassword(account="P05", password=PASSWORD + "!", code=code)
    assert "expired" in office.ask(late).found
    office.granted(commands.InviteAccount(account="P05", code=code))
    office.granted(late)
    assert not office.ask(late).accepted and sign_in(office, "P05", PASSWORD + "!").accepted


def test_the_first_admin_is_made_with_the_code_of_the_console_and_there_is_no_second(
    definitions: Definitions,
) -> None:
    shop = Shop(definitions)
    shop.desk._setup_code = fingerprint(SETUP)
    entrance = QUERIES["entrance"]
    assert entrance(shop.store.book, definitions, {}, 0) == {"set_up": False}
    wrong = commands.SetUp(account="boss", password=PASSWORD, code=fingerprint("x"))
    assert "another" in shop.ask(wrong).found
    right = commands.SetUp(account="boss", password=PASSWORD, code=fingerprint(SETUP))
    assert shop.granted(right).events[-1] == "account.password.set"
    assert entrance(shop.store.book, definitions, {}, 0) == {"set_up": True}
    assert (
        shop.ask(commands.SetUp(account="eve", password=PASSWORD, code=fingerprint(SETUP))).code == "denied"
    )
    assert sign_in(shop, "boss", session="b").accepted
    assert who(shop, "b")["roles"] == [{"role": "admin", "scope": SITE}]
    without = Shop(definitions)
    for code in ("", fingerprint("")):
        assert not without.ask(commands.SetUp(account="eve", password=PASSWORD, code=code)).accepted


def test_the_last_admin_stays_until_there_is_another_who_can_sign_in(office: Shop) -> None:
    office.granted(commands.OpenAccount(account="P34", code=fingerprint("z")))
    office.granted(commands.GrantRole(account="P34", role="admin"))
    assert not office.ask(commands.CloseAccount(account="P35", cause="left")).accepted, "P34 cannot sign in"
    chosen = commands.SetPassword(account="P34", password=PASSWORD, code=fingerprint("z"))
    office.granted(chosen)
    assert office.ask(commands.CloseAccount(account="P35", cause="left")).accepted


# What a role reaches


def within(shop: Shop, wish: commands.CommandData, *parts: str) -> Answer:
    shop.now_ns += SECOND
    command = commands.make(wish, command_id=f"r{shop.now_ns}", actor="P05")
    return shop.desk.execute(msgspec.structs.replace(command, reach=list(parts)))


def test_every_command_says_which_part_of_the_plant_it_is_about() -> None:
    assert set(PLACES) == set(CATALOGUE), "a row in mes/reach.py for each command"


@pytest.mark.parametrize(
    ("part", "place", "reached"),
    [
        (SITE, f"{SITE}/assembly/line2/load2", True),
        (f"{SITE}/assembly", f"{SITE}/assembly/line2/load2", True),
        (f"{SITE}/assembly", f"{SITE}/assembly", True),
        (f"{SITE}/assem", f"{SITE}/assembly/line2/load2", False),
        (f"{SITE}/assembly/line2", f"{SITE}/assembly/line3/load3", False),
        (f"{SITE}/assembly/line2/load2", f"{SITE}/assembly/line2", False),
        ("", f"{SITE}/assembly", False),
        (f"{SITE}/", f"{SITE}/assembly", False),
    ],
)
def test_a_part_reaches_what_lies_in_it_and_nothing_beside_it(part: str, place: str, reached: bool) -> None:
    assert reaches(part, place) == reached


def test_a_role_in_one_part_does_nothing_in_another(office: Shop) -> None:
    drop(office)
    ours, theirs = f"{SITE}/assembly/line2", f"{SITE}/test"
    wish = commands.DispatchJob(job="88263-20", work_unit="adhesive2", version=1)
    for parts in ((theirs,), (f"{SITE}/assembly/line3",), (), ("",), (f"{SITE}/assembly/line2/press2",)):
        answer = within(office, wish, *parts)
        assert (answer.code, answer.place) == ("denied", "reach of job.dispatch"), parts
        assert "adhesive2" in answer.right
    assert within(office, wish, ours).accepted
    begin = commands.BeginJob(job="88263-20")
    assert within(office, begin, theirs).code == "denied"
    assert within(office, begin, theirs, ours).code != "denied"
    # Elsewhere: where it was is not enough, where it goes is looked at too.
    move = commands.ControlJob(job="88263-70", method="Update", work_unit="eol1")
    assert within(office, move, ours).code == "denied"
    # What belongs to no place is the site's.
    order = commands.DropOrder(request="9", product="EA-100", quantity=1, due_ns=office.now_ns)
    assert within(office, order, ours).right == f"a role for all of {SITE}"
    assert within(office, order, SITE).accepted
    # A refusal of something that nobody knows is the decider's own.
    assert within(office, commands.BeginJob(job="none"), ours).code == "unknown"


def test_no_secret_is_in_journal_answer_row_or_log(office: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret, code, session, token = "tell it to nobody", one_time_code(), "SESSIONxyz", "twt_TOKENxyz"
    wishes: list[commands.CommandData] = [
        commands.InviteAccount(account="P05", code=fingerprint(code)),
        commands.SetPassword(account="P05", password=secret, code=fingerprint(code)),
        commands.SignIn(account="P05", password=secret, session=fingerprint(session)),
        commands.SignIn(account=secret, password=secret, session=fingerprint("x")),
        commands.SignIn(account="P05", password=secret + "!", session=fingerprint("y")),
        commands.SetPassword(account="P05", password="short", before=secret),
        commands.IssueToken(token=fingerprint(token), account="P05", name="report", actions=[],
                            until_ns=office.now_ns + DAY),
    ]  # fmt: skip
    answers = [office.ask(wish, actor="portal") for wish in wishes]
    assert [answer.accepted for answer in answers] == [True, True, True, False, False, False, True]
    kept = "\n".join(map(repr, (
        office.store.entries, office.store.answers, office.store.book.rows, answers, wishes, caplog.text,
        [QUERIES[name](office.store.book, office.definitions, {}, office.now_ns)
         for name in ("accounts", "entrance", "people")],
    )))  # fmt: skip
    for one in (secret, code, session, token):
        assert one not in kept
    row = office.store.book.get(Password, "P05")
    assert row is not None and row.hash.startswith("$argon2id$")
    assert row.hash not in "\n".join(entry.content for entry in office.store.entries)


def test_rows_of_accounts_are_what_the_journal_alone_makes(office: Shop) -> None:
    sign_in(office, "P05")
    sign_in(office, "P05", "wrong wrong wrong")
    office.granted(commands.IssueToken(token="0" * 64, account="P05", name="x", actions=["mes.plan"],
                                       until_ns=office.now_ns + DAY))  # fmt: skip
    office.granted(commands.WithdrawRole(account="P05", role="operator", scope=f"{SITE}/assembly"))
    office.granted(commands.RevokeToken(token="0" * 64))
    told = {key: row for key, row in office.store.book.rows.items() if key[0] != "passwords"}
    assert rebuilt(office.store.entries).rows == told
    assert {key[0] for key in told} >= {"accounts", "role_grants", "sessions", "tokens", "sign_in_tries"}
    assert verify(office.store.entries).broken is None


def test_everybody_is_shown_with_roles_sessions_tokens_and_last_use(office: Shop) -> None:
    sign_in(office, "P05", session="one")
    office.granted(commands.IssueToken(token="0" * 64, account="P05", name="x", actions=["mes.plan"],
                                       until_ns=office.now_ns + DAY))  # fmt: skip
    office.desk.shown({"0" * 64: office.now_ns})
    page = QUERIES["accounts"](office.store.book, office.definitions, {}, office.now_ns)
    mine = next(each for each in page["accounts"] if each["account"] == "P05")
    assert mine["tokens"][0]["seen_ns"] == office.now_ns and mine["tokens"][0]["token"] == "0" * 12
    assert len(mine["sessions"]) == 1 and mine["password"] and not mine["invited_until_ns"]
    assert SITE in page["parts"] and f"{SITE}/heat/hardening" in page["parts"]
    wish = {"account": "P05", "token": "0" * 12}
    assert QUERIES["token"](office.store.book, office.definitions, wish, 0) == {"token": "0" * 64}
    assert QUERIES["token"](office.store.book, office.definitions, {**wish, "token": "0"}, 0) == {}
    assert office.store.book.get(Token, "0" * 64) is not None


def test_the_demos_accounts_come_from_its_folder_and_each_once(shop: Shop) -> None:
    said = open_plant(PLANT).demo
    for _ in range(2):
        for name, wish in demo.wishes(said):
            assert shop.ask(wish, command_id=name).accepted, name
    assert {row.account for row in shop.store.book.where(Account)} == set(said["accounts"])
    assert sign_in(shop, "P32", said["accounts"]["P32"]["password"]).accepted
    assert list(demo.wishes({})) == []
