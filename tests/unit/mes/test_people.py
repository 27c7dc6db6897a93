"""People at terminals: proofs, certificates that expire and block, labour time, notes, signatures."""

from __future__ import annotations

import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer
from taktwin.mes.api import QUERIES
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import rebuilt
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.performance.engine import Presence, Run, shares
from taktwin.mes.performance.tables import ShiftNote
from taktwin.mes.records.tables import Signature
from taktwin.mes.resources import demo, engine
from taktwin.mes.resources.tables import Attempts, Certificate, Credential, Stay
from taktwin.plant import open_plant
from taktwin.storage.journal import verify
from tests.unit.mes.conftest import PLANT, SECOND, START_NS, Shop
from tests.unit.mes.test_thin_whole import drop

DAY = 86_400 * SECOND
MINUTE = 60 * SECOND
# As long as a PIN may be, so that no hash and no instant holds it by chance.
PIN, BADGE = "826409173350", "BADGE-TEST-P07-11"


@pytest.fixture
def crew(shop: Shop) -> Shop:
    """A shop in which P07 has badge and PIN, and P08 a PIN."""
    shop.granted(commands.SetCredentials(person="P07", pin=PIN, badge=BADGE, printed_name="A. Rossi"))
    shop.granted(commands.SetCredentials(person="P08", pin="1111"))
    return shop


def on(shop: Shop, person: str, work_unit: str, *, pin: str = "") -> Answer:
    return shop.ask(commands.LogOn(person=person, work_unit=work_unit, pin=pin or _PINS[person]))


_PINS = {"P07": PIN, "P08": "1111"}


def where(shop: Shop, person: str) -> str:
    stays = shop.store.book.where(Stay, person=person, to_ns=0)
    assert len(stays) <= 1, "nobody is in two places"
    return stays[0].work_unit or stays[0].activity if stays else ""


def certify(shop: Shop, person: str, *, days: float = 300, skill: str = "tester") -> None:
    row = shop.store.book.get(Certificate, f"{person}:{skill}")
    shop.granted(commands.GrantCertificate(
        person=person, skill=skill, valid_until_ns=shop.now_ns + round(days * DAY),
        version=0 if row is None else row.version,
    ))  # fmt: skip


def test_a_person_logs_on_by_badge_or_by_number_and_pin_and_is_in_one_place(crew: Shop) -> None:
    by_badge = crew.granted(commands.LogOn(badge=BADGE, work_unit="eol1"))
    assert by_badge.events == ["labour.logged.on"] and where(crew, "P07") == "eol1"
    assert crew.granted(commands.LogOn(badge=BADGE, work_unit="eol1")).events == []  # scanned twice
    moved = on(crew, "P07", "load2")
    assert moved.events == ["labour.logged.off", "labour.logged.on"] and where(crew, "P07") == "load2"
    late = crew.ask(commands.LogOff(person="P07", work_unit="eol1"))  # a terminal that did not know yet
    assert not late.accepted and late.found == "at load2"
    assert crew.granted(commands.LogOff(person="P07", work_unit="load2")).accepted
    again = crew.ask(commands.LogOff(person="P07"))
    assert not again.accepted and again.found == "logged on nowhere"


def grant(person: str, skill: str, valid_until_ns: int) -> commands.GrantCertificate:
    return commands.GrantCertificate(person=person, skill=skill, valid_until_ns=valid_until_ns)


@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        (commands.LogOn(person="P99", pin=PIN, work_unit="eol1"), "unknown", "P99"),
        (commands.LogOn(person="P07", pin=PIN, work_unit="eol9"), "unknown", "eol9"),
        (commands.LogOn(person="P09", pin=PIN, work_unit="eol1"), "denied", "none"),
        (commands.LogOn(person="P07", work_unit="eol1"), "denied", "nothing"),
        (commands.LogOn(work_unit="eol1"), "unknown", "''"),
        (commands.LogOn(badge="BADGE-NOBODY-0000", work_unit="eol1"), "denied", "a badge of nobody here"),
        (commands.LogOn(badge=BADGE, person="P08", work_unit="eol1"), "denied", "the badge of P07"),
        (commands.SetCredentials(person="P07", pin="12"), "invalid", "something else"),
        (commands.SetCredentials(person="P07", pin="12ab"), "invalid", "something else"),
        (commands.SetCredentials(person="P07", pin="\u0661\u0662\u0663\u0664"), "invalid", "something else"),
        (commands.SetCredentials(person="P07", badge="AD-3-0712-11"), "invalid", "something else"),
        (commands.SetCredentials(person="P08", badge=BADGE), "state", "the badge of P07"),
        (commands.SetCredentials(person="P08"), "invalid", "nothing"),
        (commands.SetCredentials(person="P08", pin="2222", withdraw=True), "invalid", "beside it"),
        (grant("P07", "juggler", START_NS), "unknown", "juggler"),
        (grant("P99", "tester", START_NS), "unknown", "P99"),
        (grant("P07", "tester", 1), "invalid", "1"),
        (commands.RevokeCertificate(person="P07", skill="tester", cause="x", version=1), "unknown", "P07:"),
        (commands.StartIndirect(person="P07", activity="meeting"), "state", "logged on nowhere"),
        (commands.StartIndirect(person="P07", activity="golf"), "invalid", "golf"),
        (commands.WriteNote(person="P07", work_unit="eol1", text="x"), "state", "logged on nowhere"),
        (commands.ReadNote(person="P07", note="n"), "unknown", "n"),
        (commands.Sign(person="P07", pin=PIN, kind="unit", record="A9", meaning="approved"), "unknown", "A9"),
        (commands.Sign(person="P07", pin=PIN, kind="cat", record="A9", meaning="approved"), "invalid", "cat"),
        (commands.ReceiveLot(lot="BADGE-1", product="HS-1", quantity=1), "invalid", "badge"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why_and_leaves_nothing(
    crew: Shop, wish: commands.CommandData, code: str, words: str
) -> None:
    before = len(crew.store.entries)
    answer = crew.ask(wish)
    assert (answer.accepted, answer.code) == (False, code), answer
    assert words in answer.found
    assert len(crew.store.entries) == before


def test_wrong_pins_are_counted_and_lock_for_minutes_and_a_badge_opens_all_the_same(crew: Shop) -> None:
    for left in ("4 more", "3 more", "2 more", "1 more", "locked now"):
        answer = on(crew, "P07", "eol1", pin="0000")
        assert not answer.accepted and answer.code == "denied" and left in answer.found
    assert [e.event_type for e in crew.store.entries[-5:]] == ["person.not.recognised"] * 5
    locked = on(crew, "P07", "eol1")  # the right one
    assert "locked after 5" in locked.found and where(crew, "P07") == ""
    before = len(crew.store.entries)
    assert not on(crew, "P07", "eol1", pin="0000").accepted
    assert len(crew.store.entries) == before, "while it is locked nothing is looked at, and nothing counted"
    assert on(crew, "P08", "eol1").accepted, "another person's PIN is not locked"
    assert crew.ask(commands.LogOn(badge=BADGE, work_unit="eol2")).accepted
    signing = crew.ask(commands.Sign(badge=BADGE, pin=PIN, kind="note", record="x", meaning="reviewed"))
    assert not signing.accepted
    crew.now_ns += 5 * MINUTE
    assert "locked now" in on(crew, "P07", "load2", pin="0000").found, "from the fifth on each locks"
    crew.now_ns += 5 * MINUTE
    assert on(crew, "P07", "load2").accepted
    assert crew.store.book.get(Attempts, "P07") is None


def test_a_wrong_pin_that_is_sent_twice_under_one_key_is_counted_once(crew: Shop) -> None:
    wish = commands.LogOn(person="P07", work_unit="eol1", pin="0000")
    first, second = crew.ask(wish, command_id="k"), crew.ask(wish, command_id="k")
    assert first == second and not first.accepted
    row = crew.store.book.get(Attempts, "P07")
    assert row is not None and row.wrong == 1


def test_a_badge_alone_forgets_no_wrong_pins(crew: Shop) -> None:
    """Or whoever found a badge could try PINs for ever."""
    on(crew, "P07", "eol1", pin="0000")
    crew.granted(commands.LogOn(badge=BADGE, work_unit="eol1"))
    row = crew.store.book.get(Attempts, "P07")
    assert row is not None and row.wrong == 1


def test_who_withdrew_their_proofs_gets_in_no_more_and_a_new_pin_unlocks(crew: Shop) -> None:
    for _ in range(5):
        on(crew, "P07", "eol1", pin="0000")
    crew.granted(commands.SetCredentials(person="P07", pin="4444"))
    assert not on(crew, "P07", "eol1").accepted and on(crew, "P07", "eol1", pin="4444").accepted
    crew.granted(commands.SetCredentials(person="P07", withdraw=True))
    assert not crew.ask(commands.LogOn(badge=BADGE, work_unit="eol2")).accepted
    assert not on(crew, "P07", "eol2", pin="4444").accepted


def begin(shop: Shop, person: str = "") -> Answer:
    return shop.ask(commands.BeginJob(job="88263-70"), actor="terminal", on_behalf_of=person)


@pytest.fixture
def bench(crew: Shop) -> Shop:
    """A job order that needs a tester is permitted at the bench."""
    drop(crew)
    crew.granted(commands.DispatchJob(job="88263-70", work_unit="eol1", version=1))
    return crew


def obstacle_of(shop: Shop, job: str = "88263-70") -> tuple[str, str]:
    # Without what is more in the way than a skill: the operation before has made something.
    board = QUERIES["board"](shop.store.book, shop.definitions, {}, shop.now_ns)
    found = next(line["obstacle"] for line in board["lines"] if line["job"] == job)
    return (found["kind"], found["subject"]) if found else ("", "")


def test_without_certificates_nobody_is_asked_for_one(bench: Shop) -> None:
    assert obstacle_of(bench) == ("before", "88263-60")
    assert begin(bench).accepted


def test_a_checked_skill_blocks_who_has_no_valid_certificate_and_says_who_which_since_when(
    bench: Shop,
) -> None:
    certify(bench, "P07", days=1)
    assert obstacle_of(bench) == ("skill", "tester")
    nobody = begin(bench)
    assert (nobody.code, nobody.place, nobody.found) == (
        "not_ready", "skill tester at eol1", "nobody is logged on",
    )  # fmt: skip
    on(bench, "P08", "eol1")
    assert begin(bench, "P08").found == "P08 has no certificate"
    assert begin(bench).found == "P08 has no certificate"
    assert obstacle_of(bench) == ("skill", "tester")
    on(bench, "P07", "eol1")
    assert obstacle_of(bench)[0] == "before"
    assert begin(bench, "P08").found == "P08 has no certificate", "P07 beside him does not make him a tester"
    bench.now_ns += 2 * DAY
    assert obstacle_of(bench) == ("skill", "tester"), "by the clock, not by a job that may not run"
    assert begin(bench, "P07").found.startswith("P07 certificate expired 2027-01-16 ")
    certify(bench, "P07")
    granted = begin(bench, "P07")
    assert granted.accepted
    entry = bench.store.entries[-1]
    assert (entry.event_type, entry.actor, entry.on_behalf_of) == ("job.order.started", "terminal", "P07")


def test_a_certificate_ends_at_its_instant() -> None:
    for now, why in ((99, ""), (100, "expired"), (101, "expired")):
        said = engine.objection(granted=True, revoked=None, valid_until_ns=100, now_ns=now)
        assert (why in said) and bool(said) == bool(why)


def test_a_revoked_certificate_blocks_and_the_skill_stays_checked(bench: Shop) -> None:
    certify(bench, "P07")
    on(bench, "P07", "eol1")
    wish = commands.RevokeCertificate(person="P07", skill="tester", cause="failed the audit", version=1)
    assert bench.granted(wish).events == ["person.certificate.revoked"]
    assert "revoked (failed the audit)" in begin(bench, "P07").found
    assert obstacle_of(bench) == ("skill", "tester")
    late = bench.ask(commands.GrantCertificate(
        person="P07", skill="tester", valid_until_ns=START_NS + DAY, version=1), actor="P11")  # fmt: skip
    assert late.code == "conflict" and late.changed_by == "P01" and late.current["revoked"] is True


def test_a_job_goes_on_only_where_somebody_may_do_it(bench: Shop) -> None:
    certify(bench, "P07")
    on(bench, "P07", "eol1")
    assert begin(bench, "P07").accepted
    bench.granted(commands.ControlJob(job="88263-70", method="Pause"))
    on(bench, "P07", "load2")
    resumed = bench.ask(commands.ControlJob(job="88263-70", method="Resume"))
    assert not resumed.accepted and resumed.found == "nobody is logged on"


def test_nobody_acts_under_the_name_of_somebody_who_is_not_there(bench: Shop) -> None:
    assert "logged on nowhere" in begin(bench, "P07").found
    on(bench, "P07", "load2")
    elsewhere = begin(bench, "P07")
    assert (elsewhere.code, elsewhere.found) == ("denied", "P07, who is logged on at load2")
    scrap = commands.ReportScrap(job="88263-70", cause="damaged")
    assert bench.ask(scrap, on_behalf_of="P07").code == "denied"
    bench.granted(commands.StartIndirect(person="P07", activity="meeting"))
    lot = commands.ReceiveLot(lot="L1", product="HS-1", quantity=1)
    assert bench.ask(lot, on_behalf_of="P07").code == "denied", "who is in a meeting is at no terminal"


def test_indirect_time_ends_direct_time_and_logging_on_ends_it(crew: Shop) -> None:
    on(crew, "P07", "eol1")
    done = crew.granted(commands.StartIndirect(person="P07", activity="meeting", work_unit="eol1"))
    assert done.events == ["labour.logged.off", "labour.indirect.started"] and where(crew, "P07") == "meeting"
    assert crew.granted(commands.StartIndirect(person="P07", activity="meeting")).events == []
    assert on(crew, "P07", "eol1").events == ["labour.logged.off", "labour.logged.on"]


def labour(shop: Shop, **wish: str) -> dict[tuple[str, str], int]:
    rows = QUERIES["labour"](shop.store.book, shop.definitions, wish, shop.now_ns)["rows"]
    sums: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["person"], row["activity"] or row["job"])
        sums[key] = sums.get(key, 0) + (row["to_ns"] - row["from_ns"]) // SECOND
    return sums


def test_labour_time_is_stays_cut_by_what_ran_there(bench: Shop) -> None:
    on(bench, "P07", "eol1")
    bench.now_ns += 9 * SECOND
    begin(bench)  # a second later: 10 s with nothing in work
    bench.now_ns += 99 * SECOND
    on(bench, "P08", "eol1")
    bench.now_ns += 49 * SECOND
    bench.granted(commands.StartIndirect(person="P07", activity="cleaning"))
    bench.now_ns += 29 * SECOND
    bench.granted(commands.ControlJob(job="88263-70", method="Stop"))
    bench.now_ns += 20 * SECOND
    assert labour(bench, hours="24") == {
        ("P07", ""): 10, ("P07", "88263-70"): 150, ("P07", "cleaning"): 50,
        ("P08", "88263-70"): 80, ("P08", ""): 20,
    }  # fmt: skip
    assert labour(bench, job="88263-70") == {("P07", "88263-70"): 150, ("P08", "88263-70"): 80}
    bench.now_ns += 3 * DAY  # a stay that nobody ended is still found, and so is one that ends now
    bench.granted(commands.LogOff(person="P08"))
    assert labour(bench, hours="1")[("P08", "")] == 3600
    assert QUERIES["labour"](bench.store.book, bench.definitions, {"job": "none"}, 0) == {}


def test_labour_time_goes_to_the_job_order_that_goes_on_again(bench: Shop) -> None:
    drop(bench, request="88264")
    bench.granted(commands.DispatchJob(job="88264-70", work_unit="eol1", version=1))
    on(bench, "P07", "eol1")
    for job, method, seconds in (
        ("88263-70", "", 100), ("88263-70", "Pause", 10), ("88264-70", "", 50), ("88264-70", "Pause", 5),
        ("88263-70", "Resume", 200),
    ):  # fmt: skip
        if method:
            bench.granted(commands.ControlJob(job=job, method=method))
        else:
            bench.granted(commands.BeginJob(job=job))
        bench.now_ns += (seconds - 1) * SECOND  # each command takes a second
    assert labour(bench, hours="1") == {
        ("P07", ""): 1, ("P07", "88263-70"): 100 + 10 + 199, ("P07", "88264-70"): 50 + 5,
    }  # fmt: skip


spans = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: (min(pair), max(pair)))


@given(
    stays=st.lists(st.tuples(spans, st.sampled_from("ab")), max_size=5),
    runs=st.lists(st.tuples(spans, st.sampled_from("ab")), max_size=6),
)
def test_each_second_of_a_stay_is_for_one_thing_and_for_what_ran_then(
    stays: list[tuple[tuple[int, int], str]], runs: list[tuple[tuple[int, int], str]]
) -> None:
    presences = [Presence(f"P{n}", place, "", *span) for n, (span, place) in enumerate(stays)]
    jobs = [Run(f"J{n}", place, *span) for n, (span, place) in enumerate(runs)]
    pieces = shares(presences, jobs)
    for presence in presences:
        mine = [each for each in pieces if each.person == presence.person]
        seconds = [at for each in mine for at in range(each.from_ns, each.to_ns)]
        assert seconds == list(range(presence.from_ns, presence.to_ns))
    for piece in pieces:
        for at in range(piece.from_ns, piece.to_ns):
            ran = [j for j in jobs if j.work_unit == piece.work_unit and j.from_ns <= at < j.to_ns]
            assert piece.job == (max(ran, key=lambda j: (j.from_ns, j.job)).job if ran else "")


def test_a_note_is_shown_until_somebody_else_has_read_it_by_name(crew: Shop) -> None:
    on(crew, "P07", "eol1")
    wrote = commands.WriteNote(person="P07", work_unit="eol1", text="Bench 1 drifts when it is cold.")
    assert crew.ask(wrote, command_id="n1").accepted
    notes = QUERIES["crew"](crew.store.book, crew.definitions, {"work_unit": "eol1"}, crew.now_ns)["notes"]
    assert [note["text"] for note in notes] == ["Bench 1 drifts when it is cold."]
    own = crew.ask(commands.ReadNote(person="P07", note="n1"))
    assert not own.accepted and own.found == "written by P07"
    absent = crew.ask(commands.ReadNote(person="P08", note="n1"))
    assert not absent.accepted and absent.found == "logged on nowhere"
    on(crew, "P08", "eol1")
    crew.granted(commands.ReadNote(person="P08", note="n1"))
    note = crew.store.book.get(ShiftNote, "n1")
    assert note is not None and note.read_by == "P08" and note.read_ns == crew.now_ns
    second = crew.ask(commands.ReadNote(person="P08", note="n1"))
    assert not second.accepted and second.found == "read already by P08"
    answer = QUERIES["crew"](crew.store.book, crew.definitions, {"work_unit": "eol1"}, crew.now_ns)
    assert answer["notes"] == []
    for text in ("", "  ", "x" * 1001):
        assert not crew.ask(commands.WriteNote(person="P08", work_unit="eol1", text=text)).accepted


def test_a_signature_has_name_time_and_meaning_and_wants_the_pin_each_time(crew: Shop) -> None:
    drop(crew)
    wish = commands.Sign(badge=BADGE, pin=PIN, kind="order", record="88263", meaning="approved")
    without = crew.ask(msgspec.structs.replace(wish, pin=""))
    assert not without.accepted and without.found == "nothing", "a badge alone signs nothing"
    assert crew.ask(wish, command_id="g1").accepted
    on(crew, "P07", "eol1")
    again = crew.ask(msgspec.structs.replace(wish, pin="", badge="", person="P07"))
    assert not again.accepted, "that somebody is logged on signs nothing either"
    assert not crew.ask(msgspec.structs.replace(wish, meaning="liked")).accepted
    row = crew.store.book.get(Signature, "g1")
    assert row is not None
    assert (row.kind, row.record, row.meaning, row.person, row.printed_name) == (
        "order", "88263", "approved", "P07", "A. Rossi",
    )  # fmt: skip
    entry = next(each for each in crew.store.entries if each.event_type == "record.signed")
    assert entry.subject == "88263" and entry.time_ns == row.at_ns
    shown = QUERIES["signatures"](crew.store.book, crew.definitions, {"kind": "order", "record": "88263"}, 0)
    assert [each["printed_name"] for each in shown["signatures"]] == ["A. Rossi"]
    assert verify(crew.store.entries).broken is None


def test_no_pin_and_no_badge_is_found_in_journal_answers_rows_or_log(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    drop(shop)
    wishes: list[commands.CommandData] = [
        commands.SetCredentials(person="P07", pin=PIN, badge=BADGE),
        commands.LogOn(person="P07", pin=PIN, work_unit="eol1"),
        commands.LogOn(person="P07", pin="505050505050", work_unit="eol1"),
        commands.LogOn(badge=BADGE, work_unit="load2"),
        commands.LogOn(badge="BADGE-STOLEN-505050505050", work_unit="load2"),
        commands.Sign(person="P07", pin=PIN, kind="order", record="88263", meaning="approved"),
        commands.SetCredentials(person="P08", badge=BADGE),
        commands.SetCredentials(person="P08", pin="505050505050x"),
    ]
    answers = [shop.ask(wish) for wish in wishes]
    assert [answer.accepted for answer in answers] == [True, True, False, True, False, True, False, False]
    kept = "\n".join(map(repr, (
        shop.store.entries, shop.store.answers, shop.store.book.rows, answers, wishes, caplog.text,
        [QUERIES[name](shop.store.book, shop.definitions, {}, shop.now_ns) for name in ("people", "board")],
    )))  # fmt: skip
    for secret in (PIN, BADGE, "505050505050"):
        assert secret not in kept
    # Nor what could be tried against at leisure: hashes are in no journal, which anybody may export.
    row = shop.store.book.get(Credential, "P07")
    assert row is not None and row.pin and row.badge
    journal = "\n".join(entry.content for entry in shop.store.entries)
    assert row.pin not in journal and row.badge not in journal and row.pin.split("$")[-1] not in journal


def test_what_is_kept_of_a_pin_is_costly_to_try_and_never_twice_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "COST", 19)
    salts = [engine.salt_of("P07", "c", 1), engine.salt_of("P08", "c", 1), engine.salt_of("P08", "d", 1)]
    assert len(set(salts)) == 3
    one = engine.hashed(PIN, salt=salts[0])
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    monkeypatch.setattr(engine, "COST", 1)
    assert engine.matches(PIN, one) and not engine.matches("8265", one), "the cost stands in the hash"
    assert engine.hashed(PIN, salt=salts[0]) != engine.hashed(PIN, salt=salts[1])
    assert not engine.matches(PIN, "scrypt$14$a$b"), "no hash of ours, and no mistake of ours"


def test_a_pin_of_before_the_release_says_so_and_a_new_one_is_set(crew: Shop) -> None:
    row = crew.store.book.get(Credential, "P07")
    assert row is not None
    crew.store.book.put(msgspec.structs.replace(row, pin="scrypt$14$a$b"))
    answer = on(crew, "P07", "eol1")
    assert (answer.code, answer.found) == ("denied", "set up before this release")
    crew.granted(commands.SetCredentials(person="P07", pin=PIN))
    assert on(crew, "P07", "eol1").accepted


def test_nobody_waits_at_the_desk_for_a_hash_and_one_that_changed_meanwhile_proves_nothing(
    crew: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[bool] = []

    def slow(pin: str, kept: str) -> bool:
        # While this is computed the desk takes what others ask: here a new PIN of the same person.
        monkeypatch.setattr(engine, "matches", lambda *_: False)
        begun.append(crew.ask(commands.SetCredentials(person="P07", pin="9999")).accepted)
        return True

    monkeypatch.setattr(engine, "matches", slow)
    answer = on(crew, "P07", "eol1")
    assert begun == [True]
    assert (answer.accepted, answer.found) == (False, "changed this very moment")
    assert where(crew, "P07") == ""


def test_rows_of_people_are_what_the_journal_alone_makes(bench: Shop) -> None:
    certify(bench, "P07")
    on(bench, "P08", "eol1", pin="0000")
    on(bench, "P07", "eol1")
    begin(bench, "P07")
    bench.granted(commands.WriteNote(person="P07", work_unit="eol1", text="x"))
    bench.granted(commands.StartIndirect(person="P07", activity="break"))
    bench.granted(commands.Sign(person="P07", pin=PIN, kind="job", record="88263-70", meaning="performed"))
    # Secrets are no facts: a journal that anybody may export makes nobody able to log on.
    told = {key: row for key, row in bench.store.book.rows.items() if key[0] != "credentials"}
    assert rebuilt(bench.store.entries).rows == told
    assert {key[0] for key in told} >= {"attempts", "certificates", "stays", "shift_notes", "signatures"}


def test_people_are_shown_with_what_expires_within_thirty_days(crew: Shop) -> None:
    for person, days in (("P07", 300), ("P08", 12), ("P17", -3)):
        certify(crew, person, days=days)
    on(crew, "P08", "eol1")
    page = QUERIES["people"](crew.store.book, crew.definitions, {}, crew.now_ns)
    assert [each["person"] for each in page["expiring"]] == ["P17", "P08"]
    by_name = {each["person"]: each for each in page["people"]}
    assert len(by_name) == 36 and by_name["P08"]["stay"]["work_unit"] == "eol1"
    assert by_name["P17"]["certificates"][0]["why"].startswith("certificate expired")
    assert by_name["P07"]["pin"] and by_name["P07"]["badge"] and not by_name["P08"]["badge"]


def test_the_demos_people_come_from_its_folder_and_each_once(shop: Shop, definitions: Definitions) -> None:
    said = open_plant(PLANT).demo
    assert said["people"], "the demo plant says who is there"
    for _ in range(2):
        for name, wish in demo.wishes(said, shop.now_ns):
            assert shop.ask(wish, command_id=name).accepted, name
    assert {row.person for row in shop.store.book.where(Credential)} == set(said["people"])
    assert list(demo.wishes({}, 0)) == []
    rows = shop.store.book.where(Certificate)
    assert rows and all(row.version == 1 for row in rows)
    assert shop.store.book.where(JobOrder) == []


def test_a_letter_that_no_database_keeps_is_refused_and_not_tried_for_ever(crew: Shop) -> None:
    on(crew, "P07", "eol1")
    for wish in (
        commands.WriteNote(person="P07", work_unit="eol1", text="a\0b"),
        commands.LogOn(person="P07\0", pin="1", work_unit="eol1"),
    ):
        answer = crew.ask(wish)
        assert (answer.accepted, answer.code) == (False, "invalid") and "NUL" in answer.found


def test_who_is_logged_on_reads_the_instruction_and_not_the_account_of_the_terminal(crew: Shop) -> None:
    drop(crew)
    crew.instruct("WI-40", actor="P01")
    crew.granted(commands.DispatchJob(job="88263-40", work_unit="tighten2", version=1))
    on(crew, "P07", "tighten2")
    wish = commands.BeginJob(job="88263-40")
    assert crew.ask(wish, actor="P01", on_behalf_of="P07").found == "not read by P07"
    read = commands.AcknowledgeDocument(document="WI-40", revision=1)
    assert crew.ask(read, actor="P01", on_behalf_of="P07").accepted
    assert crew.ask(wish, actor="P01", on_behalf_of="P07").accepted
