"""The device history record, and what the audit view says of who changed what."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from taktwin.contracts import commands
from taktwin.contracts.device_history import DeviceHistory, DeviceHistoryFile
from taktwin.mes.api import TRAILS
from taktwin.mes.collection.actions import Heard
from taktwin.mes.dossier.history import device_history
from taktwin.mes.dossier.printed import printed
from taktwin.mes.dossier.words import LANGUAGES
from taktwin.storage.journal import MemoryTrail
from tests.unit.mes.conftest import SECOND, START_NS, Shop
from tests.unit.mes.test_checklists import png

PIN = "2132"


def file_of(shop: Shop, serial: str = "A1") -> DeviceHistoryFile:
    trail = MemoryTrail(shop.store.entries)
    found = device_history(shop.store.book, trail, shop.definitions, serial, site="northfield")
    assert found is not None
    return found


def record(shop: Shop, serial: str = "A1") -> DeviceHistory:
    return file_of(shop, serial).record


def kinds(shop: Shop, serial: str = "A1") -> dict[str, str]:
    return {each.kind: each.subject for each in record(shop, serial).exceptions}


def looked(shop: Shop) -> dict[str, tuple[int, int]]:
    return {each.check: (each.looked_at, each.exceptions) for each in record(shop).looked}


def trail(shop: Shop, **wish: Any) -> list[dict[str, Any]]:
    view = TRAILS["trail"]
    found = view(shop.store.book, MemoryTrail(shop.store.entries), shop.definitions, wish, shop.now_ns)
    return list(found["entries"])


@pytest.fixture
def cell(shop: Shop) -> Shop:
    """A bonding cell with a lot, at which people are logged on, before its first part."""
    shop.granted(
        commands.SetCredentials(person="P32", pin=PIN, badge="BADGE-TEST-P32-1", printed_name="J. Müller")
    )
    shop.granted(
        commands.DropOrder(request="7", product="EA-100", quantity=9, due_ns=START_NS, customer="Łódź")
    )
    shop.granted(commands.ReceiveLot(lot="AD-1", product="AD-3", quantity=900.0))
    shop.granted(commands.LoadLot(lot="AD-1", work_unit="adhesive2"))
    shop.granted(commands.LogOn(badge="BADGE-TEST-P32-1", work_unit="adhesive2"))
    shop.begin("7-20", "adhesive2")
    return shop


def part(shop: Shop, serial: str = "A1", width: float | None = 2.4) -> None:
    if width is not None:
        shop.now_ns += SECOND
        said = [
            Heard("adhesive2/serial", serial, shop.now_ns - 1),
            Heard("adhesive2/bead_width", width, shop.now_ns),
        ]
        shop.desk.hear(said, stream="SAMPLES", position=shop.now_ns)
    shop.machine("adhesive2", serial=serial)


def test_a_good_unit_says_what_it_is_made_of_where_when_by_whom(cell: Shop) -> None:
    part(cell)
    found = record(cell)
    (step,) = found.steps
    assert (found.customer, found.order, step.operation, step.name) == ("Łódź", "7", 20, "Bond")
    assert (step.work_unit, step.begun_by, step.crew) == ("adhesive2", "P01", ["P32"])
    assert [(m.characteristic, m.value, m.verdict) for m in found.measurements] == [("bead_width", 2.4, "OK")]
    assert {m.component: m.lot for m in found.materials}["AD-3"] == "AD-1"
    # The machine that loads says no number: the shaft is not known, and the operation is not on record.
    assert [(e.kind, e.subject) for e in found.exceptions] == [
        ("missing_step", "10"), ("unknown_lot", "HS-1"), ("unknown_lot", "SH-100"),
    ]  # fmt: skip
    assert looked(cell)["holds"] == (0, 0) and looked(cell)["journal"][1] == 0


def test_each_thing_that_went_wrong_is_an_exception(cell: Shop) -> None:
    part(cell, width=3.9)
    assert kinds(cell)["out_of_limit"] == "bead_width" and kinds(cell)["nonconformance"] == "NC-1"
    cell.granted(commands.Hold(kind="lot", id="AD-1", cause="looked grey"))
    assert kinds(cell)["lot_restricted"] == "AD-1"
    wish = commands.Dispose(nonconformance="NC-1", disposition="use-as-is", cause="pulled", version=1,
                            person="P32", pin=PIN)  # fmt: skip
    cell.granted(wish)
    (nc,) = record(cell).nonconformances
    assert [(d.disposition, d.person) for d in nc.decisions] == [("use-as-is", "P32")]
    assert [s.printed_name for s in nc.signatures] == ["J. Müller"]
    released = next(each for each in record(cell).exceptions if each.kind == "released")
    assert released.by == "P01" and "use-as-is: pulled" in released.detail
    part(cell, "A2", width=None)
    assert kinds(cell, "A2")["not_measured"] == "bead_width"
    assert "held" in kinds(cell, "A2")  # built from a lot on hold
    part(cell, "A1")
    assert kinds(cell)["repeated_step"] == "20"


def test_scrap_taken_back_stays_on_record(cell: Shop) -> None:
    part(cell)
    cell.ask(commands.ReportScrap(job="7-20", cause="damaged", unit="A1"), command_id="s1")
    cell.granted(commands.UndoScrap(report="s1"))
    found = [each.kind for each in record(cell).exceptions]
    assert {"scrapped", "unscrapped", "released"} <= set(found)


def test_a_gauge_that_failed_later_makes_what_it_measured_doubtful(cell: Shop) -> None:
    cell.granted(commands.CalibrateGauge(gauge="C1", kind="caliper"))
    part(cell)
    wish = commands.RecordResult(job="7-20", characteristic="adhesive_strength", value=14.0,
                                 unit_of_measure="MPa", unit="A1", gauge="C1")  # fmt: skip
    cell.granted(wish)
    assert looked(cell)["gauges"] == (1, 0)
    (hand,) = [each for each in record(cell).measurements if each.gauge]
    assert hand.gauge_until and hand.by == "P01"
    cell.granted(commands.CalibrateGauge(gauge="C1", kind="caliper", passed=False))
    assert kinds(cell)["gauge_failed_later"] == "C1"


def test_an_instruction_that_was_withdrawn_later_was_in_force_then(cell: Shop) -> None:
    cell.instruct("WI-20")
    part(cell)
    cell.granted(commands.WithdrawDocument(document="WI-20", revision=1, cause="old"))
    (read,) = record(cell).steps[0].instructions
    assert (read.document, read.revision, read.readers) == ("WI-20", 1, ["P01"])


def test_an_entry_that_somebody_changed_is_named(cell: Shop) -> None:
    part(cell)
    entries = cell.store.entries
    at = next(n for n, e in enumerate(entries) if e.event_type == "unit.moved")
    entries[at] = msgspec.structs.replace(entries[at], actor="somebody")
    assert kinds(cell)["journal_changed"] == f"entry {at + 1}"


def test_a_review_names_the_record_that_was_looked_at(cell: Shop) -> None:
    part(cell)
    before = file_of(cell)
    sign = {"kind": "unit", "record": "A1", "meaning": "reviewed", "person": "P32", "pin": PIN}
    assert cell.ask(commands.Sign(**sign, digest="abc")).code == "invalid"
    cell.granted(commands.Sign(**sign, digest=before.digest))
    after = file_of(cell)
    assert after.digest == before.digest, "a review is no part of what it reviews"
    assert [(each.printed_name, each.digest) for each in after.reviews] == [("J. Müller", before.digest)]
    cell.granted(commands.Hold(kind="unit", id="A1", cause="look again"))
    changed = file_of(cell)
    assert changed.digest != before.digest and changed.reviews[0].digest == before.digest


def test_equal_records_make_equal_bytes_that_a_stranger_can_check(cell: Shop) -> None:
    part(cell, width=3.9)
    one, other = file_of(cell), file_of(cell)
    assert msgspec.json.encode(one) == msgspec.json.encode(other)
    plain = json.loads(msgspec.json.encode(one))
    text = json.dumps(plain["record"], separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == plain["digest"]
    assert list(plain["record"]).index("exceptions") < list(plain["record"]).index("steps")
    for language in LANGUAGES:
        assert printed(one, language) == printed(other, language)


def test_the_print_is_of_the_same_record_on_numbered_pages(cell: Shop) -> None:
    for _ in range(40):
        part(cell, width=3.9)
    found = file_of(cell)
    drawn: list[str] = []
    from reportlab.pdfgen.canvas import Canvas

    with pytest.MonkeyPatch.context() as patch:
        for name in ("drawString", "drawRightString"):
            plain = getattr(Canvas, name)

            def said(
                self: Any, x: float, y: float, text: str, *more: Any, _plain: Any = plain, **named: Any
            ) -> Any:
                drawn.append(text)
                return _plain(self, x, y, text, *more, **named)

            patch.setattr(Canvas, name, said)
        assert printed(found, "de").startswith(b"%PDF-")
    pages = [text for text in drawn if text.startswith("Seite")]
    assert len(pages) > 1 and pages == [f"Seite {n} von {len(pages)}" for n in range(1, len(pages) + 1)]
    assert drawn.count(f"SHA-256 {found.digest}") == len(pages)


def test_who_was_certified_for_what_then_is_on_record_and_nobody_is_an_exception(cell: Shop) -> None:
    cell.granted(commands.LogOn(badge="BADGE-TEST-P32-1", work_unit="eol1"))
    cell.begin("7-70", "eol1")
    cell.machine("eol1", serial="A1")
    assert record(cell).steps[0].certificates == [] and "certificates" not in looked(cell), (
        "nothing is checked"
    )
    until_ns = cell.now_ns + 3_600 * SECOND
    for person, skill in (("P05", "tester"), ("P32", "tester"), ("P32", "assembler")):
        cell.granted(commands.GrantCertificate(person=person, skill=skill, valid_until_ns=until_ns))
    assert "not_certified" not in kinds(cell), "what was checked later was not asked for then"
    cell.machine("eol1", serial="A2")
    (step,) = record(cell, "A2").steps
    assert [(each.person, each.skill, each.needed) for each in step.certificates] == [
        ("P32", "assembler", False), ("P32", "tester", True),
    ]  # fmt: skip
    cell.granted(commands.RevokeCertificate(person="P32", skill="tester", cause="left", version=1))
    cell.machine("eol1", serial="A3")
    assert kinds(cell, "A3")["not_certified"] == "tester" and "not_certified" not in kinds(cell, "A2")
    cell.granted(commands.GrantCertificate(person="P32", skill="tester", valid_until_ns=until_ns, version=2))
    cell.machine("eol1", serial="A4")
    assert "not_certified" not in kinds(cell, "A4")
    cell.now_ns = until_ns
    cell.machine("eol1", serial="A5")
    assert kinds(cell, "A5")["not_certified"] == "tester" and record(cell, "A5").steps[0].certificates == []


def test_parameters_are_on_record_as_they_were_read_back_for_the_part(cell: Shop) -> None:
    part(cell)
    cell.instruct("WI-40")
    cell.begin("7-40", "tighten2")
    cell.machine("tighten2", serial="A1")
    loaded = {each.parameter: each for step in record(cell).steps for each in step.parameters}
    assert [step.operation for step in record(cell).steps if step.parameters] == [40]
    assert (loaded["torque"].wanted, loaded["torque"].found, loaded["torque"].by) == (42.0, 42.0, "P01")
    assert looked(cell)["parameters"] == (len(loaded), 0)
    # What the machine is told after the part is another part's.
    entries = cell.store.entries
    said = next(
        e for e in entries if e.event_type == "equipment.parameter.written" and '"torque"' in e.content
    )
    entries.append(msgspec.structs.replace(
        said, sequence=len(entries) + 1, time_ns=cell.now_ns + SECOND,
        content=said.content.replace('"found":42.0', '"found":40.0').replace('"same":true', '"same":false'),
    ))  # fmt: skip
    assert "parameter_differs" not in kinds(cell)
    cell.now_ns += 2 * SECOND
    part(cell, "A2")
    cell.machine("tighten2", serial="A2")
    assert kinds(cell, "A2")["parameter_differs"] == "torque"
    assert looked(cell)["parameters"] == (len(loaded), 0)


def test_answers_and_photos_of_its_job_orders_are_on_record(cell: Shop) -> None:
    part(cell)
    before = file_of(cell).digest
    ask = {"job": "7-20", "checklist": "bond_start"}
    cell.granted(commands.AnswerChecklist(**ask, item="pot", value=99.0, unit_of_measure="Cel"))
    cell.granted(commands.AnswerChecklist(**ask, item="pot", value=24.0, unit_of_measure="Cel"))
    cell.granted(commands.AttachPhoto(kind="unit", record="A1", content=png(), caption="Bead"))
    found = record(cell)
    assert [(each.item, each.value, each.verdict) for each in found.answers] == [
        ("pot", 99.0, "NOK"), ("pot", 24.0, "OK"),
    ]  # fmt: skip
    assert kinds(cell)["answered_nok"] == found.answers[0].question and looked(cell)["checklists"] == (2, 1)
    (photo,) = found.photos
    assert (photo.kind, photo.record, photo.caption) == ("unit", "A1", "Bead")
    content = cell.definitions.documents.file(photo.file)
    assert content is not None and photo.file.startswith(hashlib.sha256(content).hexdigest())
    file = file_of(cell)
    shown = printed(file, "en", cell.definitions.documents.file)
    assert shown == printed(file, "en", cell.definitions.documents.file), "the same bytes each time"
    assert b"/Image" in shown and b"/Subtype /Image" not in printed(file, "en")
    assert b"/Subtype /Image" not in printed(file, "en", lambda name: b"no picture")
    assert file.digest != before


def test_photos_of_its_job_order_and_of_its_nonconformance_are_on_record(cell: Shop) -> None:
    part(cell, width=3.9)
    taken = [("unit", "A1"), ("job", "7-20"), ("nonconformance", "NC-1")]
    for kind, name in taken:
        cell.granted(commands.AttachPhoto(kind=kind, record=name, content=png(), caption=kind))
    assert sorted((photo.kind, photo.record) for photo in record(cell).photos) == sorted(taken)


def test_who_had_begun_counts_although_nobody_is_logged_on_and_who_went_on_later_does_not(
    cell: Shop,
) -> None:
    cell.begin("7-70", "eol1")
    until_ns = cell.now_ns + 3_600 * SECOND
    cell.granted(commands.GrantCertificate(person="P01", skill="tester", valid_until_ns=until_ns))
    cell.machine("eol1", serial="A1")
    (step,) = record(cell).steps
    assert (step.begun_by, step.crew) == ("P01", [])
    assert [(each.person, each.skill) for each in step.certificates] == [("P01", "tester")]
    assert "not_certified" not in kinds(cell)
    part(cell, "A2")
    cell.now_ns += 2 * SECOND
    for method in ("Pause", "Resume"):
        assert cell.ask(commands.ControlJob(job="7-20", method=method), actor="P32").accepted
    assert [each.begun_by for each in record(cell, "A2").steps] == ["P01"]
    part(cell, "A3")
    assert [each.begun_by for each in record(cell, "A3").steps] == ["P32"]


def test_a_record_without_what_came_later_into_the_contract_is_as_it_was_signed(cell: Shop) -> None:
    part(cell)
    plain = json.loads(msgspec.json.encode(file_of(cell)))["record"]
    assert not {"answers", "photos"} & set(plain)
    assert not {"parameters", "certificates"} & {name for step in plain["steps"] for name in step}
    assert plain["materials"][0]["origins"] == [], "what was always there stays"


def test_both_languages_say_the_same_things() -> None:
    assert LANGUAGES["en"].keys() == LANGUAGES["de"].keys()


def test_the_audit_view_shows_the_old_value_beside_the_new_one(cell: Shop) -> None:
    cell.granted(commands.ChangeOrder(request="7", version=1, due_ns=START_NS + SECOND, priority=3))
    (entry,) = trail(cell, subject="7", limit=1)
    assert (entry["event_type"], entry["actor"]) == ("operations.request.changed", "P01")
    changes = {each["field"]: (each["old"], each["new"]) for each in entry["changes"]}
    assert changes["priority"] == ("0", "3")
    assert changes["due_ns"][0].startswith("2027-01-15T08:00:00") and "version" not in changes
    cell.granted(commands.ControlJob(job="7-30", method="Cancel"))
    gone = {each["field"]: each for each in trail(cell, subject="7-30", limit=1)[0]["changes"]}
    assert (gone["state"]["old"], gone["state"]["new"]) == ("NotAllowedToStart", "")


def test_the_audit_view_finds_what_changed_a_thing_under_another_name(cell: Shop) -> None:
    part(cell)
    cell.ask(commands.ReportScrap(job="7-20", cause="damaged", unit="A1"), command_id="s1")
    found = trail(cell, subject="7-20")
    scrap = next(each for each in found if each["event_type"] == "material.scrapped")
    assert scrap["subject"] == "s1" and scrap["reason"] == "damaged"
    change = next(each for each in scrap["changes"] if each["field"] == "scrap")
    assert (change["object"], change["old"], change["new"]) == ("7-20", "0", "1")


def test_the_audit_view_is_filtered_by_person_and_time_and_pages_back(cell: Shop) -> None:
    at_ns = cell.now_ns
    cell.ask(commands.Hold(kind="lot", id="AD-1", cause="grey"), actor="terminal", on_behalf_of="P32")
    cell.granted(commands.Release(kind="lot", id="AD-1", cause="good"))
    (entry,) = trail(cell, person="P32")
    assert (entry["actor"], entry["person"], entry["reason"]) == ("terminal", "P32", "grey")
    assert [each["event_type"] for each in trail(cell, from_ns=at_ns + 1)] == ["lot.disposition.changed"] * 2
    assert trail(cell, to_ns=START_NS) == []
    everything = [each["sequence"] for each in trail(cell, limit=200)]
    assert everything == sorted(everything, reverse=True) and everything[-1] == 1
    paged: list[int] = []
    while page := trail(cell, limit=3, before=paged[-1] if paged else 0):
        paged += [each["sequence"] for each in page]
    assert paged == everything


def test_a_unit_without_exceptions_says_so_and_what_was_looked_at(shop: Shop) -> None:
    shop.granted(commands.DropOrder(request="8", product="SH-100", quantity=9, due_ns=START_NS))
    shop.granted(commands.ReceiveLot(lot="ST-1", product="ST-42", quantity=90.0))
    shop.granted(commands.LoadLot(lot="ST-1", work_unit="turn1"))
    shop.begin("8-10", "turn1")
    shop.now_ns += SECOND
    said = [Heard("turn1/serial", "S1", shop.now_ns - 1), Heard("turn1/diameter", 30.0, shop.now_ns)]
    shop.desk.hear(said, stream="SAMPLES", position=shop.now_ns)
    shop.machine("turn1", serial="S1")
    assert record(shop, "S1").exceptions == []
    found = {each.check: each.looked_at for each in record(shop, "S1").looked}
    assert all(found[each] for each in ("steps", "materials", "journal", "measurements"))
    assert printed(file_of(shop, "S1"), "en").startswith(b"%PDF-")
    assert device_history(shop.store.book, MemoryTrail(shop.store.entries), shop.definitions, "S9",
                          site="x") is None  # fmt: skip
