"""Checklists keep a job order from being completed; photos are kept without what the camera knew."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import replace

import msgspec
import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData
from taktwin.mes.api import QUERIES
from taktwin.mes.checklists.engine import PHOTO_BYTES_MAX, NoPhotoError, cleaned
from taktwin.mes.checklists.tables import ChecklistAnswer, Photo
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import rebuilt
from taktwin.mes.execution.tables import JobOrder
from taktwin.plant.schema import Checklist, ChecklistItem
from tests.unit.mes.conftest import START_NS, Shop

ITEMS = {
    "nozzle": ChecklistItem(text="Nozzle wiped"),
    "pot": ChecklistItem(text="Pot temperature", kind="number", unit="Cel", lower=20, upper=28),
    "guard": ChecklistItem(text="Guard closed", kind="yes_no"),
    "bead": ChecklistItem(text="First bead", kind="photo"),
    "seen": ChecklistItem(text="What was seen", kind="text", optional=True),
}


def png(*, kinds: tuple[bytes, ...] = (b"tEXt", b"eXIf")) -> bytes:
    """Return a picture of one pixel, with what a camera might write beside it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    beside = b"".join(chunk(kind, b"GPSLatitude 48.2082") for kind in kinds)
    body = chunk(b"IDAT", zlib.compress(b"\0\x7f")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + beside + body


def jpeg() -> bytes:
    """Return the bones of a JPEG: a position in APP1, two scans, and something that hangs behind it."""

    def part(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content

    return (
        b"\xff\xd8" + part(0xE0, b"JFIF\0") + part(0xE1, b"Exif\0\0GPSLatitude 48.2082")
        + part(0xE2, b"ICC_PROFILE") + part(0xFE, b"GPS too") + part(0xDB, b"\0" * 65)
        + part(0xDA, b"\x01") + b"\x12\xff\x00\x34\xff\xd0\x56"
        + part(0xC4, b"table with \xff\xd9 in it") + part(0xDA, b"\x02") + b"\x78\xff\x00"
        + b"\xff\xd9" + b"a second picture with its GPSLatitude"
    )  # fmt: skip


@pytest.fixture
def shop(definitions: Definitions) -> Shop:
    operation = definitions.products["EA-100"].operation(20).name
    checklist = Checklist(name="Before the first part", operation=operation, required=True, items=ITEMS)
    one = Shop(replace(definitions, checklists={"first": checklist}))
    one.granted(commands.DropOrder(request="1", product="EA-100", quantity=2, due_ns=START_NS))
    one.begin("1-20", "adhesive2")
    return one


def say(**what: object) -> commands.AnswerChecklist:
    return msgspec.convert({"job": "1-20", "checklist": "first", **what}, commands.AnswerChecklist)


def state(shop: Shop) -> str:
    [job] = shop.store.book.where(JobOrder, job="1-20")
    return job.state


def photo(**what: object) -> commands.AttachPhoto:
    return msgspec.convert({"kind": "job", "record": "1-20", "content": png(), **what}, commands.AttachPhoto)


def test_a_job_order_waits_for_what_is_to_be_done_by_hand_and_ends_with_the_last_answer(shop: Shop) -> None:
    shop.machine("adhesive2", parts=2)
    assert state(shop) == "Running", "it has its parts, and is not completed"
    stop = commands.ControlJob(job="1-20", method="Stop")
    refused = shop.ask(stop)
    assert refused.code == "not_ready" and "Nozzle wiped (not done)" in refused.found
    assert "and 1 more" in refused.found, "the optional one is none of them"
    shop.granted(say(item="nozzle", done=True))
    shop.granted(say(item="pot", value=19.5, unit_of_measure="Cel"))
    shop.granted(say(item="guard", done=False))
    refused = shop.ask(stop)
    assert (
        "Pot temperature (not as it should be)" in refused.found and "Guard closed (not as" in refused.found
    )
    shop.granted(say(item="pot", value=28, unit_of_measure="Cel"))  # on the limit is inside
    shop.granted(photo(checklist="first", item="bead"))
    assert state(shop) == "Running"
    answer = shop.granted(say(item="guard", done=True))
    assert answer.events == ["checklist.answered", "job.order.ended"] and state(shop) == "Ended"
    rows = shop.store.book.where(ChecklistAnswer, job="1-20", item="pot")
    assert sorted((row.value, row.verdict, row.person) for row in rows) == [
        (19.5, "NOK", "P01"),
        (28, "OK", "P01"),
    ]
    assert rebuilt(shop.store.entries).rows == {
        key: row for key, row in shop.store.book.rows.items() if key[0] not in ("readings", "positions")
    }


def test_giving_it_up_needs_no_answer(shop: Shop) -> None:
    shop.granted(commands.ControlJob(job="1-20", method="Abort"))
    assert state(shop) == "Aborted"


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (say(item="nozzle", done=False), "that it was done"),
        (say(item="nozzle", value=3.0), "that it was done"),
        (say(item="pot", value=21.0), "'Cel'"),
        (say(item="pot", done=True), "a number"),
        (say(item="pot", value=1e300, unit_of_measure="Cel"), "a number that somebody can have read"),
        (say(item="guard"), "yes or no"),
        (say(item="seen", text=" "), "some words"),
        (say(item="bead", done=True), "photo.attach"),
        (say(item="lamp", done=True), "nozzle, pot, guard"),
        (say(job="1-30", item="nozzle", done=True), "one that has begun"),
        (say(job="7-20", item="nozzle", done=True), "job order"),
        (say(checklist="last", item="nozzle", done=True), "first"),
        (photo(item="nozzle", checklist="first"), "that it was done"),
        (photo(kind="unit", record="A9"), "unit that exists"),
        (photo(kind="hall"), "unit, job or nonconformance"),
        (photo(content=b"%PDF-1.7"), "a JPEG or PNG picture"),
        (photo(content=png()[:60]), "a whole one"),
        (photo(content=jpeg()[:80]), "a whole one"),
        (photo(content=png() + b"\0" * PHOTO_BYTES_MAX), "1 MB at most"),
    ],
)
def test_what_is_no_answer_and_no_photo_is_refused_with_its_words(
    shop: Shop, wish: CommandData, words: str
) -> None:
    before = len(shop.store.entries)
    refused = shop.ask(wish)
    assert not refused.accepted and words in f"{refused.place} {refused.right}"
    assert len(shop.store.entries) == before


def test_a_photo_is_kept_by_its_hash_and_shown_with_the_unit_without_where_it_was_taken(shop: Shop) -> None:
    shop.machine("adhesive2", serial="A1")
    shop.granted(photo(kind="unit", record="A1", content=jpeg(), caption="Gap at 3 o'clock"))
    shop.granted(photo(kind="unit", record="A1", content=jpeg()))
    rows = shop.store.book.where(Photo, record="A1")
    assert len({row.file for row in rows}) == 1, "the same picture is kept once"
    content = QUERIES["file"](shop.store.book, shop.definitions, {"name": rows[0].file}, shop.now_ns)[
        "content"
    ]
    assert hashlib.sha256(content).hexdigest() == rows[0].file.partition(".")[0]
    assert b"GPS" not in content and content.endswith(b"\xff\xd9") and b"ICC_PROFILE" in content
    assert b"\xff\xd0\x56" in content and b"with \xff\xd9 in it" in content
    page = QUERIES["unit"](shop.store.book, shop.definitions, {"unit": "A1"}, shop.now_ns)
    assert [each["caption"] for each in page["photos"]] == ["Gap at 3 o'clock", ""]
    shop.granted(say(item="nozzle", done=True))
    page = QUERIES["unit"](shop.store.book, shop.definitions, {"unit": "A1"}, shop.now_ns)
    assert [each["question"] for each in page["answers"]] == ["Nozzle wiped"]


def test_a_png_loses_its_texts_and_stays_a_picture() -> None:
    suffix, content = cleaned(png())
    assert suffix == ".png" and b"GPS" not in content and content == png(kinds=())
    with pytest.raises(NoPhotoError):
        cleaned(b"")


def test_a_terminal_shows_what_is_to_be_done_and_what_was_answered(shop: Shop) -> None:
    shop.granted(say(item="guard", done=False))
    here = QUERIES["terminal"](shop.store.book, shop.definitions, {"work_unit": "adhesive2"}, shop.now_ns)
    shown = {each["item"]: each for each in here["checklists"]}
    assert list(shown) == list(ITEMS) and not shown["seen"]["required"]
    assert shown["guard"]["answer"]["verdict"] == "NOK" and shown["pot"]["answer"] is None
