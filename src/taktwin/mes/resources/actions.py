"""People: deciders of credentials and certificates, proofs, and the only writers of these tables."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.resources import engine
from taktwin.mes.resources.proofs import Look
from taktwin.mes.resources.tables import Attempts, Certificate, Credential
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

YEARS_50_NS = 50 * 365 * 86_400 * 1_000_000_000


# Deciders


def set_credentials(book: Reading, wish: commands.SetCredentials, asking: Asking) -> Iterator[Fact]:
    """Give a person a PIN, a badge, a printed name, or withdraw all of it."""
    known(asking, wish.person)
    before = book.get(Credential, wish.person) or Credential(
        person=wish.person, pin="", badge="", printed_name=""
    )
    if wish.withdraw:
        if wish.pin or wish.badge:
            raise _invalid("withdraw", "a new PIN or badge beside it", "one or the other")
        after = msgspec.structs.replace(before, pin="", badge="")
    else:
        after = _with(book, before, wish, asking)
    event = events.CredentialsChanged(person=wish.person, pin=bool(wish.pin), badge=bool(wish.badge),
                                      withdrawn=wish.withdraw)  # fmt: skip
    yield Fact(event, asking.now_ns, secret=after)


def _with(book: Reading, before: Credential, wish: commands.SetCredentials, asking: Asking) -> Credential:
    low, high = engine.PIN_DIGITS
    if wish.pin and not (wish.pin.isascii() and wish.pin.isdigit() and low <= len(wish.pin) <= high):
        raise _invalid("PIN", "something else", f"{low} to {high} digits")
    short, long = engine.BADGE_LETTERS
    if wish.badge and not (wish.badge.startswith(engine.BADGE_PREFIX) and short <= len(wish.badge) <= long):
        raise _invalid(
            "badge", "something else", f"{engine.BADGE_PREFIX} and more, {short} to {long} letters"
        )
    if not (wish.pin or wish.badge or wish.printed_name):
        raise _invalid("credentials", "nothing", "a PIN, a badge or a printed name")
    if len(wish.printed_name) > 80:
        raise _invalid("printed name", f"{len(wish.printed_name)} letters", "80 at most")
    after = before
    if wish.pin:
        assert asking.looked.hashed, "the desk hashes before it decides"
        after = msgspec.structs.replace(after, pin=asking.looked.hashed)
    if wish.badge:
        digest = engine.badge_digest(wish.badge)
        others = [row.person for row in book.where(Credential, badge=digest) if row.person != wish.person]
        if others:
            raise Refused("state", "badge", f"the badge of {others[0]}", "a badge that nobody else has")
        after = msgspec.structs.replace(after, badge=digest)
    return msgspec.structs.replace(after, printed_name=wish.printed_name or before.printed_name)


def grant(book: Reading, wish: commands.GrantCertificate, asking: Asking) -> Iterator[Fact]:
    """Grant or renew a certificate, if nobody changed it since the person looked."""
    known(asking, wish.person)
    if wish.skill not in asking.definitions.skills:
        raise unknown("skill", wish.skill)
    if abs(wish.valid_until_ns - asking.now_ns) > YEARS_50_NS:
        raise _invalid("valid until", wish.valid_until_ns, "an instant within 50 years of now")
    name = f"{wish.person}:{wish.skill}"
    row = book.get(Certificate, name)
    _same_version(row, name, wish.version)
    yield Fact(
        events.CertificateGranted(
            certificate=name, person=wish.person, skill=wish.skill, valid_until_ns=wish.valid_until_ns
        ),
        asking.now_ns,
    )


def revoke(book: Reading, wish: commands.RevokeCertificate, asking: Asking) -> Iterator[Fact]:
    """Take a certificate away; the reason is part of it."""
    name = f"{wish.person}:{wish.skill}"
    row = book.get(Certificate, name)
    if row is None:
        raise unknown("certificate", name)
    _same_version(row, name, wish.version)
    if row.revoked:
        raise Refused("state", f"certificate {name}", f"revoked already ({row.reason})", "one that stands",
                      row=row)  # fmt: skip
    if not wish.cause.strip() or len(wish.cause) > 400:
        raise _invalid("cause", f"{len(wish.cause)} letters", "why it is taken away, in 1 to 400 letters")
    yield Fact(
        events.CertificateRevoked(certificate=name, person=wish.person, skill=wish.skill, cause=wish.cause),
        asking.now_ns,
    )


def _same_version(row: Certificate | None, name: str, version: int) -> None:
    now = 0 if row is None else row.version
    if now != version:
        raise Refused("conflict", f"certificate {name}", f"version {now}",
                      f"version {version}: somebody changed it meanwhile", row=row)  # fmt: skip


def known(asking: Asking, person: str) -> None:
    """Return only if a number is that of a person of the plant."""
    if person not in asking.definitions.people:
        raise unknown("person", person)


def _invalid(place: str, found: object, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


# Proofs


def look(book: Reading, wish: commands.Proving, *, command: str, now_ns: int) -> Look | None:
    """Return what has to be computed before it is decided on a wish, None where nothing has to be."""
    if not wish.pin:
        return None
    if isinstance(wish, commands.SetCredentials):
        good = engine.PIN_DIGITS[0] <= len(wish.pin) <= engine.PIN_DIGITS[1]
        return Look(fresh=wish.pin, salt=engine.salt_of(wish.person, command, now_ns)) if good else None
    rows = book.where(Credential, badge=engine.badge_digest(wish.badge)) if wish.badge else []
    row = rows[0] if rows else book.get(Credential, wish.person)
    tries = None if row is None else book.get(Attempts, row.person)
    if row is None or engine.outdated(row.pin) or (tries and tries.locked_until_ns > now_ns):
        return None
    return Look(given=wish.pin, kept=row.pin)


def proven(
    book: Reading, wish: commands.Proving, asking: Asking, *, pin_always: bool, work_unit: str = ""
) -> Credential:
    """Return whose proof this is.

    Parameters
    ----------
    pin_always : a badge alone does not do, as for a signature

    Raises
    ------
    Refused
        If it proves nobody. A wrong PIN is noted, and locks after some; a badge still opens then.
    """
    if wish.badge:
        row = _by_badge(book, wish.badge)
        if wish.person and row.person != wish.person:
            raise Refused("denied", "badge", f"the badge of {row.person}", f"the badge of {wish.person}")
    else:
        known(asking, wish.person)
        found = book.get(Credential, wish.person)
        if found is None or not found.pin:
            raise Refused("denied", f"PIN of {wish.person}", "none", "a PIN that was set up, or a badge")
        row = found
    known(asking, row.person)
    if not wish.badge or pin_always:
        _pin(book, row, wish.pin, asking, work_unit)
    return row


def _by_badge(book: Reading, code: str) -> Credential:
    # What was read is said to nobody: it may be a badge that somebody typed wrongly.
    rows = book.where(Credential, badge=engine.badge_digest(code))
    if not rows:
        raise Refused("denied", "badge", "a badge of nobody here", "a badge that was given out")
    return rows[0]


def _pin(book: Reading, row: Credential, pin: str, asking: Asking, work_unit: str) -> None:
    place = f"PIN of {row.person}"
    if not row.pin:
        raise Refused("denied", place, "none", "a PIN that was set up")
    before = book.get(Attempts, row.person)
    if before is not None and before.locked_until_ns > asking.now_ns:
        left = -(-(before.locked_until_ns - asking.now_ns) // 60_000_000_000)
        raise Refused("denied", place, f"locked after {before.wrong} wrong ones",
                      f"{left} min of waiting, a badge, or a new PIN")  # fmt: skip
    if not pin:
        raise Refused("denied", place, "nothing", "the PIN")
    if engine.outdated(row.pin):
        raise Refused("denied", place, "set up before this release", "a new PIN, set up by a leader")
    if asking.looked.kept != row.pin:
        raise Refused("state", place, "changed this very moment", "the same once more")
    if not asking.looked.matched:
        raise _wrong_pin(row.person, 0 if before is None else before.wrong, asking, work_unit)


def _wrong_pin(person: str, wrong_before: int, asking: Asking, work_unit: str) -> Refused:
    tally = engine.failed(wrong_before, asking.now_ns)
    event = events.PersonNotRecognised(
        person=person, wrong=tally.wrong, locked_until_ns=tally.locked_until_ns, work_unit=work_unit
    )
    left = engine.WRONG_MAX - tally.wrong
    found = "wrong (locked now)" if tally.locked_until_ns else f"wrong ({left} more, then it locks)"
    return Refused("denied", f"PIN of {person}", found, "the PIN", noted=(Fact(event, asking.now_ns),))


def recognised(book: Book, person: str) -> None:
    """Forget the wrong PINs of a person: part of the projection of whatever a right one allowed."""
    book.remove(Attempts, person)


# Projectors


def _credentials(book: Book, event: events.CredentialsChanged, at_ns: int) -> None:
    if event.pin or event.withdrawn:
        recognised(book, event.person)


def _wrong(book: Book, event: events.PersonNotRecognised, at_ns: int) -> None:
    book.put(Attempts(person=event.person, wrong=event.wrong, locked_until_ns=event.locked_until_ns))


def _granted(book: Book, event: events.CertificateGranted, at_ns: int) -> None:
    before = book.get(Certificate, event.certificate)
    book.put(Certificate(
        certificate=event.certificate, person=event.person, skill=event.skill,
        valid_until_ns=event.valid_until_ns, granted_ns=at_ns, revoked=False, reason="",
        version=1 if before is None else before.version + 1,
    ))  # fmt: skip


def _revoked(book: Book, event: events.CertificateRevoked, at_ns: int) -> None:
    row = book.get(Certificate, event.certificate)
    assert row is not None, "decided on a certificate that is there"
    book.put(msgspec.structs.replace(row, revoked=True, reason=event.cause, version=row.version + 1))


RULES = Rules(
    deciders={
        commands.SetCredentials.command_name: set_credentials,
        commands.GrantCertificate.command_name: grant,
        commands.RevokeCertificate.command_name: revoke,
    },
    projectors={
        events.CredentialsChanged: _credentials,
        events.PersonNotRecognised: _wrong,
        events.CertificateGranted: _granted,
        events.CertificateRevoked: _revoked,
    },
)
