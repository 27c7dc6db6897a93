"""Accounts: deciders of who may sign in with which roles, of sessions and tokens; writers of these tables.

What a stranger learns is the same whatever is wrong: that the account, the password or the code is.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.contracts.commands import ROLES
from taktwin.mes.accounts import engine
from taktwin.mes.accounts.engine import ADMIN, Strangers
from taktwin.mes.accounts.tables import Account, Password, RoleGrant, Session, Token, Tries
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.resources.engine import LOCKED_NS, WRONG_MAX, failed, salt_of
from taktwin.mes.resources.proofs import Look, nobody
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

NOBODY_HERE = (
    "unknown"  # a name that nobody has is said nowhere: it may be a password, typed one line too high
)
MINUTES = LOCKED_NS // 60_000_000_000


def look(
    book: Reading, wish: commands.Secret, strangers: Strangers, *, command: str, now_ns: int
) -> tuple[Look | None, int]:
    """Return what has to be computed before it is decided on a wish, and until when its name is locked.

    One hash is compared whether there is such an account or not, so that the time does not tell; nothing
    is computed for a name while it is locked.
    """
    compares = wish.password if isinstance(wish, commands.SignIn) else getattr(wish, "before", "")
    chooses = not isinstance(wish, commands.SignIn)
    if chooses and engine.objection_to(wish.password, wish.account):
        return None, 0
    kept = book.get(Password, wish.account)
    until_ns = 0
    if compares:
        if _signs_in(book.get(Account, wish.account)):
            tries = book.get(Tries, wish.account)
            until_ns = 0 if tries is None else tries.locked_until_ns
        else:
            kept = None
            until_ns = strangers.locked_until_ns(wish.account, now_ns)
            if not until_ns:
                strangers.count(wish.account, now_ns)
        if until_ns > now_ns:
            return None, until_ns
    return Look(
        given=compares, kept="" if not compares else nobody() if kept is None else kept.hash,
        fresh=wish.password if chooses else "", salt=salt_of(wish.account, command, now_ns),
    ), 0  # fmt: skip


def _signs_in(row: Account | None) -> bool:
    return row is not None and row.password and not row.closed


# Deciders: what an admin does


def open_account(book: Reading, wish: commands.OpenAccount, asking: Asking) -> Iterator[Fact]:
    """Open an account, or one that was closed again, and invite whose it is."""
    if not engine.ACCOUNT.match(wish.account) or wish.account == NOBODY_HERE:
        raise _invalid("account", repr(wish.account), "1 to 40 letters, digits, and . _ - within them")
    same = [row.account for row in book.where(Account) if row.account.lower() == wish.account.lower()]
    row = book.get(Account, wish.account)
    if (row is not None and not row.closed) or (same and same != [wish.account]):
        raise Refused("state", f"account {same[0]}", "there already", "a name that nobody has")
    if len(wish.printed_name) > 80:
        raise _invalid("printed name", f"{len(wish.printed_name)} letters", "80 at most")
    if wish.language not in ("", "en", "de"):
        raise _invalid("language", repr(wish.language), "en, de, or none")
    opened = events.AccountOpened(account=wish.account, printed_name=wish.printed_name,
                                  language=wish.language)  # fmt: skip
    yield Fact(opened, asking.now_ns)
    yield _invitation(wish.account, wish.code, asking)


def invite(book: Reading, wish: commands.InviteAccount, asking: Asking) -> Iterator[Fact]:
    """Give an account a new code; whoever has its password or a session of it has nothing any more."""
    row = _open(book, wish.account)
    last = _last_admin(book, row.account)
    if last and asking.person != row.account:
        raise last
    yield _invitation(row.account, wish.code, asking)


def _invitation(account: str, code: str, asking: Asking) -> Fact:
    _fingerprint("code", code)
    until_ns = asking.now_ns + engine.CODE_NS
    return Fact(events.AccountInvited(account=account, code=code, until_ns=until_ns), asking.now_ns)


def grant(book: Reading, wish: commands.GrantRole, asking: Asking) -> Iterator[Fact]:
    """Give an account a role; one that it has already changes nothing."""
    row = _open(book, wish.account)
    scope = _scope(wish.role, wish.scope, asking)
    if book.get(RoleGrant, f"{row.account}:{wish.role}:{scope}") is None:
        event = events.AccountRoleGranted(account=row.account, role=wish.role, scope=scope)
        yield Fact(event, asking.now_ns)


def withdraw(book: Reading, wish: commands.WithdrawRole, asking: Asking) -> Iterator[Fact]:
    """Take a role away, in just the part of the plant in which it was given."""
    row = _open(book, wish.account)
    scope = wish.scope or asking.definitions.site
    if book.get(RoleGrant, f"{row.account}:{wish.role}:{scope}") is None:
        raise unknown("role", f"{wish.role} in {scope} of {row.account}")
    last = _last_admin(book, row.account)
    if wish.role == ADMIN and last:
        raise last
    yield Fact(events.AccountRoleWithdrawn(account=row.account, role=wish.role, scope=scope), asking.now_ns)


def close(book: Reading, wish: commands.CloseAccount, asking: Asking) -> Iterator[Fact]:
    """Close an account, with the reason."""
    row = _open(book, wish.account)
    last = _last_admin(book, row.account)
    if last:
        raise last
    yield Fact(events.AccountClosed(account=row.account, cause=_cause(wish.cause)), asking.now_ns)


def end_sessions(book: Reading, wish: commands.EndSessions, asking: Asking) -> Iterator[Fact]:
    """End all sessions of an account, with the reason."""
    row = _open(book, wish.account)
    event = events.AccountSessionsEnded(account=row.account, cause=_cause(wish.cause))
    yield Fact(event, asking.now_ns)


def _last_admin(book: Reading, account: str) -> Refused | None:
    admins = {row.account for row in book.where(RoleGrant, role=ADMIN)}
    others = [name for name in admins - {account} if _signs_in(book.get(Account, name))]
    if account not in admins or others:
        return None
    return Refused("state", f"account {account}", "the last admin who can sign in", "another admin first")


def _scope(role: str, scope: str, asking: Asking) -> str:
    site = asking.definitions.site
    if role not in ROLES:
        raise _invalid("role", repr(role), f"one of {', '.join(ROLES)}")
    parts = {site, *asking.definitions.places.values()}
    # Only what the plant has, letter by letter: a path that means something else by dots is none of it.
    if scope and scope not in parts:
        raise unknown("part of the plant", scope)
    if role == ADMIN and scope not in ("", site):
        raise _invalid("scope", repr(scope), f"{site}: accounts belong to the site as a whole")
    return scope or site


def _open(book: Reading, account: str) -> Account:
    row = book.get(Account, account)
    if row is None or row.closed:
        raise unknown("account", account)
    return row


def _cause(text: str) -> str:
    if not text.strip() or len(text) > 400:
        raise _invalid("cause", f"{len(text)} letters", "why, in 1 to 400 letters")
    return text


def _fingerprint(place: str, text: str) -> None:
    if not engine.FINGERPRINT.match(text):
        raise _invalid(place, f"{len(text)} letters", "a fingerprint of 64 hexadecimal digits")


def _invalid(place: str, found: object, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


# Deciders: what everybody does


def has_admin(book: Reading) -> bool:
    """Return whether somebody can sign in who gives others their accounts."""
    return any(_signs_in(book.get(Account, row.account)) for row in book.where(RoleGrant, role=ADMIN))


def set_up(book: Reading, wish: commands.SetUp, asking: Asking) -> Iterator[Fact]:
    """Make the first admin. The desk was told the code's fingerprint by whoever started the plant."""
    if has_admin(book):
        raise Refused("denied", "set-up", "done already", "an account; an admin opens one")
    if not asking.setup_code or wish.code != asking.setup_code:
        raise Refused("denied", "set-up code", "another", "the one that the console shows at this start")
    row = book.get(Account, wish.account)
    _good(wish)
    if row is None or row.closed:
        # The invitation that comes with it is used up by the password, two lines further down.
        yield from open_account(
            book, commands.OpenAccount(account=wish.account, code=asking.setup_code), asking
        )
    event = events.AccountRoleGranted(account=wish.account, role=ADMIN, scope=asking.definitions.site)
    yield Fact(event, asking.now_ns)
    yield _password(wish.account, "set_up", asking)


def set_password(book: Reading, wish: commands.SetPassword, asking: Asking) -> Iterator[Fact]:
    """Choose a password: with the code of an invitation, or with the password before."""
    row = book.get(Account, wish.account)
    _good(wish)
    if wish.code:
        good = (
            row is not None and not row.closed and row.code == wish.code and row.code_until_ns > asking.now_ns
        )
        if not good:
            raise Refused("denied", "code", "a code that is used, expired, or not of this account",
                          "the account and the code of a new invitation")  # fmt: skip
    else:
        _recognised(book, row, asking)
    yield _password(wish.account, "code" if wish.code else "password", asking)


def _good(wish: commands.Secret) -> None:
    wrong = engine.objection_to(wish.password, wish.account)
    if wrong:
        low, high = engine.PASSWORD_LETTERS
        raise _invalid("password", wrong,
                       f"{low} to {high} letters, 5 different ones, without the account's name")  # fmt: skip


def _password(account: str, by: str, asking: Asking) -> Fact:
    assert asking.looked.hashed, "the desk hashes before it decides"
    secret = Password(account=account, hash=asking.looked.hashed)
    return Fact(events.AccountPasswordSet(account=account, by=by), asking.now_ns, secret=secret)


def sign_in(book: Reading, wish: commands.SignIn, asking: Asking) -> Iterator[Fact]:
    """Begin a session under a fingerprint that was never used: nobody brings their own."""
    _fingerprint("session", wish.session)
    row = _recognised(book, book.get(Account, wish.account), asking)
    if book.get(Session, wish.session) is not None:
        raise _invalid("session", "one that was used before", "a new one")
    event = events.AccountSignedIn(account=row.account, session=wish.session,
                                   until_ns=asking.now_ns + engine.SESSION_NS)  # fmt: skip
    yield Fact(event, asking.now_ns)


def _recognised(book: Reading, row: Account | None, asking: Asking) -> Account:
    """Return whose password was right. Raises Refused, with a note of it, where it is nobody's."""
    known = row is not None and _signs_in(row)
    tries = None if row is None or not known else book.get(Tries, row.account)
    until_ns = asking.locked_until_ns if not known else 0 if tries is None else tries.locked_until_ns
    if until_ns > asking.now_ns:
        left = -(-(until_ns - asking.now_ns) // 60_000_000_000)
        raise Refused("denied", "sign-in", f"locked after {WRONG_MAX} wrong tries",
                      f"{left} min of waiting, or a new invitation by an admin")  # fmt: skip
    if row is None or not known:
        raise _wrong(NOBODY_HERE, 0, 0, asking)
    kept = book.get(Password, row.account)
    if kept is None or asking.looked.kept != kept.hash:
        raise Refused("state", "sign-in", "changed this very moment", "the same once more")
    if not asking.looked.matched:
        tally = failed(0 if tries is None else tries.wrong, asking.now_ns)
        raise _wrong(row.account, tally.wrong, tally.locked_until_ns, asking)
    return row


def _wrong(account: str, wrong: int, locked_until_ns: int, asking: Asking) -> Refused:
    event = events.AccountNotRecognised(account=account, wrong=wrong, locked_until_ns=locked_until_ns)
    return Refused("denied", "sign-in", "an account or a password that is wrong",
                   f"both as they were set up; {WRONG_MAX} wrong tries lock for {MINUTES} min",
                   noted=(Fact(event, asking.now_ns),))  # fmt: skip


def sign_out(book: Reading, wish: commands.SignOut, asking: Asking) -> Iterator[Fact]:
    """End one's own session; one that has ended already stays so."""
    row = book.get(Session, wish.session)
    if row is not None:
        yield Fact(events.AccountSignedOut(account=row.account, session=row.session), asking.now_ns)


def issue_token(book: Reading, wish: commands.IssueToken, asking: Asking) -> Iterator[Fact]:
    """Let a program ask under an account's name, until an instant, for some of what the account may."""
    row = _open(book, wish.account)
    _fingerprint("token", wish.token)
    if book.get(Token, wish.token) is not None:
        raise _invalid("token", "one that was used before", "a new one")
    if not wish.name.strip() or len(wish.name) > 80:
        raise _invalid("name", f"{len(wish.name)} letters", "what it is for, in 1 to 80 letters")
    if not asking.now_ns < wish.until_ns <= asking.now_ns + engine.TOKEN_NS:
        raise _invalid("until", wish.until_ns, "an instant to come, within 366 days")
    event = events.AccountTokenIssued(token=wish.token, account=row.account, name=wish.name,
                                      actions=sorted(set(wish.actions)), until_ns=wish.until_ns)  # fmt: skip
    yield Fact(event, asking.now_ns)


def revoke_token(book: Reading, wish: commands.RevokeToken, asking: Asking) -> Iterator[Fact]:
    """Let a token count no more."""
    row = book.get(Token, wish.token)
    if row is None:
        raise unknown("token", wish.token)
    if not row.revoked:
        yield Fact(events.AccountTokenRevoked(token=row.token, account=row.account), asking.now_ns)


# Projectors


def _opened(book: Book, event: events.AccountOpened, at_ns: int) -> None:
    for grant_of in book.where(RoleGrant, account=event.account):  # of one who was here before
        book.remove(RoleGrant, grant_of.grant_of)
    book.put(Account(account=event.account, printed_name=event.printed_name, language=event.language,
                     code="", code_until_ns=0, password=False, closed=False, opened_ns=at_ns))  # fmt: skip


def _invited(book: Book, event: events.AccountInvited, at_ns: int) -> None:
    _change(book, event.account, code=event.code, code_until_ns=event.until_ns, password=False)
    book.remove(Tries, event.account)
    _end(book, event.account)


def _set(book: Book, event: events.AccountPasswordSet, at_ns: int) -> None:
    _change(book, event.account, code="", code_until_ns=0, password=True)
    book.remove(Tries, event.account)
    _end(book, event.account)


def _granted(book: Book, event: events.AccountRoleGranted, at_ns: int) -> None:
    name = f"{event.account}:{event.role}:{event.scope}"
    book.put(RoleGrant(grant_of=name, account=event.account, role=event.role, scope=event.scope,
                       granted_ns=at_ns))  # fmt: skip


def _withdrawn(book: Book, event: events.AccountRoleWithdrawn, at_ns: int) -> None:
    book.remove(RoleGrant, f"{event.account}:{event.role}:{event.scope}")


def _closed(book: Book, event: events.AccountClosed, at_ns: int) -> None:
    _change(book, event.account, code="", code_until_ns=0, password=False, closed=True)
    _end(book, event.account)
    for row in book.where(Token, account=event.account):
        book.put(msgspec.structs.replace(row, revoked=True))


def _signed_in(book: Book, event: events.AccountSignedIn, at_ns: int) -> None:
    book.remove(Tries, event.account)
    for row in book.where(Session, account=event.account):
        if row.until_ns <= at_ns:
            book.remove(Session, row.session)
    book.put(Session(session=event.session, account=event.account, begun_ns=at_ns, until_ns=event.until_ns))


def _signed_out(book: Book, event: events.AccountSignedOut, at_ns: int) -> None:
    book.remove(Session, event.session)


def _ended(book: Book, event: events.AccountSessionsEnded, at_ns: int) -> None:
    _end(book, event.account)


def _not_recognised(book: Book, event: events.AccountNotRecognised, at_ns: int) -> None:
    if event.wrong:
        book.put(Tries(account=event.account, wrong=event.wrong, locked_until_ns=event.locked_until_ns))


def _issued(book: Book, event: events.AccountTokenIssued, at_ns: int) -> None:
    book.put(Token(token=event.token, account=event.account, name=event.name,
                   actions=msgspec.json.encode(event.actions).decode(), issued_ns=at_ns,
                   until_ns=event.until_ns, revoked=False))  # fmt: skip


def _revoked(book: Book, event: events.AccountTokenRevoked, at_ns: int) -> None:
    row = book.get(Token, event.token)
    assert row is not None, "decided on a token that is there"
    book.put(msgspec.structs.replace(row, revoked=True))


def _change(book: Book, account: str, **changes: str | int | bool) -> None:
    row = book.get(Account, account)
    assert row is not None, "decided on an account that is there"
    book.put(msgspec.structs.replace(row, **changes))


def _end(book: Book, account: str) -> None:
    for row in book.where(Session, account=account):
        book.remove(Session, row.session)


RULES = Rules(
    deciders={
        commands.OpenAccount.command_name: open_account,
        commands.InviteAccount.command_name: invite,
        commands.GrantRole.command_name: grant,
        commands.WithdrawRole.command_name: withdraw,
        commands.CloseAccount.command_name: close,
        commands.EndSessions.command_name: end_sessions,
        commands.SetUp.command_name: set_up,
        commands.SetPassword.command_name: set_password,
        commands.SignIn.command_name: sign_in,
        commands.SignOut.command_name: sign_out,
        commands.IssueToken.command_name: issue_token,
        commands.RevokeToken.command_name: revoke_token,
    },
    projectors={
        events.AccountOpened: _opened,
        events.AccountInvited: _invited,
        events.AccountPasswordSet: _set,
        events.AccountRoleGranted: _granted,
        events.AccountRoleWithdrawn: _withdrawn,
        events.AccountClosed: _closed,
        events.AccountSignedIn: _signed_in,
        events.AccountSignedOut: _signed_out,
        events.AccountSessionsEnded: _ended,
        events.AccountNotRecognised: _not_recognised,
        events.AccountTokenIssued: _issued,
        events.AccountTokenRevoked: _revoked,
    },
)
