"""Work instructions: released, in force, read; never changed behind anybody's back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from taktwin.contracts import commands
from taktwin.errors import StoreError
from taktwin.mes.api import QUERIES
from taktwin.mes.definitions.instructions import FolderFiles
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import rebuilt
from taktwin.mes.dispatching.queries import board
from taktwin.mes.documents.queries import in_force
from taktwin.mes.documents.tables import DocumentRevision
from taktwin.plant import find_mistakes, open_plant
from tests.unit.mes.conftest import PLANT, SECOND, Shop

NAME = "WI-40"  # the demo's required one: Tighten


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A copy of the demo plant whose instructions may be written in."""
    shutil.copytree(PLANT, tmp_path / "plant")
    return tmp_path / "plant"


@pytest.fixture
def shop(plant: Path, tmp_path: Path) -> Shop:
    """A shop over that plant, with one order that waits at the tightener."""
    shop = Shop(compiled(open_plant(plant), FolderFiles(tmp_path / "files")))
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=4, due_ns=shop.now_ns))
    return shop


def digest(shop: Shop, name: str = NAME) -> str:
    """Return the digest of a draft as it is now."""
    return shop.definitions.documents.drafts().good[name].digest


def release(shop: Shop, name: str = NAME, *, from_ns: int = 0, to_ns: int = 0) -> int:
    """Release the draft as it is now; return its revision."""
    answer = shop.granted(commands.ReleaseDocument(
        document=name, digest=digest(shop, name), effective_from_ns=from_ns, effective_to_ns=to_ns,
    ))  # fmt: skip
    assert answer.events == ["document.released"]
    return max(row.revision for row in shop.store.book.where(DocumentRevision, document=name))


def edit(plant: Path, words: str) -> None:
    """Change the text of the instruction in the plant folder."""
    path = plant / "documents" / f"{NAME}.yaml"
    path.write_text(path.read_text().replace("Crosswise", words))


def permitted(shop: Shop) -> None:
    """Permit the job order at the tightener."""
    shop.granted(commands.DispatchJob(job="1-40", work_unit="tighten2", version=1))


def now_in_force(shop: Shop, name: str = NAME, *, later_ns: int = 0) -> int:
    """Return the number of the revision in force; 0: none."""
    row = in_force(shop.store.book.where(DocumentRevision, document=name), shop.now_ns + later_ns)
    return 0 if row is None else row.revision


def test_nobody_begins_without_the_required_instruction_nor_before_having_read_it(shop: Shop) -> None:
    permitted(shop)
    begin = commands.BeginJob(job="1-40")
    refused = shop.ask(begin, actor="P04")
    assert (refused.code, refused.place, refused.found) == (
        "not_ready",
        "document WI-40",
        "no revision in force",
    )
    line = next(
        each for each in board(shop.store.book, shop.definitions, shop.now_ns) if each.job.job == "1-40"
    )
    assert line.obstacle is not None and (line.obstacle.kind, line.obstacle.subject) == ("material", "SC-12")
    shop.granted(commands.ReceiveLot(lot="S1", product="SC-12", quantity=100.0))
    line = next(
        each for each in board(shop.store.book, shop.definitions, shop.now_ns) if each.job.job == "1-40"
    )
    assert line.obstacle is not None and (line.obstacle.kind, line.obstacle.subject) == ("document", NAME)

    revision = release(shop)
    refused = shop.ask(begin, actor="P04")
    assert (refused.place, refused.found) == ("revision 1 of WI-40", "not read by P04")
    assert shop.ask(commands.AcknowledgeDocument(document=NAME, revision=revision), actor="P05").accepted
    assert not shop.ask(begin, actor="P04").accepted, "another one has read it"
    assert shop.ask(commands.AcknowledgeDocument(document=NAME, revision=revision), actor="P04").accepted
    assert shop.ask(begin, actor="P04").accepted


def test_an_instruction_that_is_not_required_keeps_nobody_from_working(shop: Shop) -> None:
    shop.begin("1-20", "adhesive2")


def test_a_new_revision_has_to_be_read_anew_and_the_old_one_stays_as_it_was(shop: Shop, plant: Path) -> None:
    permitted(shop)
    release(shop)
    shop.granted(commands.AcknowledgeDocument(document=NAME, revision=1))
    edit(plant, "In the order of the numbers")
    assert now_in_force(shop) == 1, "a draft changes nothing on the floor"
    assert release(shop) == 2
    assert not shop.ask(commands.BeginJob(job="1-40")).accepted
    first, second = sorted(
        shop.store.book.where(DocumentRevision, document=NAME), key=lambda row: row.revision
    )
    assert "Crosswise" in first.steps and "In the order of the numbers" in second.steps


def test_what_was_looked_at_is_released_and_nothing_else(shop: Shop, plant: Path) -> None:
    seen = digest(shop)
    edit(plant, "Anyhow")
    refused = shop.ask(commands.ReleaseDocument(document=NAME, digest=seen))
    assert (refused.accepted, refused.code) == (False, "conflict")
    picture = plant / "documents" / "WI-40-order.svg"
    seen = digest(shop)
    picture.write_text(picture.read_text().replace("#1c2127", "#222222"))
    assert shop.ask(commands.ReleaseDocument(document=NAME, digest=seen)).code == "conflict"
    release(shop)
    assert shop.ask(commands.ReleaseDocument(document=NAME, digest=digest(shop))).code == "state"


def test_a_released_picture_stays_after_the_folder_has_changed(
    shop: Shop, plant: Path, tmp_path: Path
) -> None:
    picture = plant / "documents" / "WI-40-order.svg"
    drawn = picture.read_bytes()
    release(shop)
    picture.unlink()
    assert digest(shop, "WI-20")  # the folder is read anew
    (found,) = QUERIES["documents"](shop.store.book, shop.definitions, {}, shop.now_ns)["documents"][1][
        "revisions"
    ]
    name = found["steps"][0]["picture"]
    ask = QUERIES["file"]
    assert ask(shop.store.book, shop.definitions, {"name": name}, 0) == {"content": drawn}
    for strange in ("../plant/plant.yaml", "..", "", ".hidden.svg", name.replace(name[:3], "000")):
        assert ask(shop.store.book, shop.definitions, {"name": strange}, 0) == {}
    (tmp_path / "files" / name).write_bytes(b"something else")
    with pytest.raises(StoreError, match="was damaged"):
        ask(shop.store.book, shop.definitions, {"name": name}, 0)


def test_a_planned_revision_waits_and_one_that_was_withdrawn_gives_way_to_none(
    shop: Shop, plant: Path
) -> None:
    release(shop)
    edit(plant, "From tomorrow")
    assert release(shop, from_ns=shop.now_ns + 100 * SECOND) == 2
    assert (now_in_force(shop), now_in_force(shop, later_ns=100 * SECOND)) == (1, 2)
    withdraw = commands.WithdrawDocument(document=NAME, revision=2, cause="wrong picture")
    shop.granted(withdraw)
    assert now_in_force(shop, later_ns=200 * SECOND) == 1, "it never began"
    assert shop.ask(withdraw).code == "state", "withdrawn already"
    shop.granted(commands.WithdrawDocument(document=NAME, revision=1, cause="wrong too"))
    assert now_in_force(shop) == 0
    edit(plant, "Anew")
    assert release(shop, to_ns=shop.now_ns + 50 * SECOND) == 3
    assert (now_in_force(shop), now_in_force(shop, later_ns=50 * SECOND)) == (3, 0)


@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        (commands.ReleaseDocument(document="WI-99", digest="0"), "unknown", "'WI-99'"),
        (commands.WithdrawDocument(document=NAME, revision=7, cause="x"), "unknown", "WI-40:7"),
        (commands.AcknowledgeDocument(document=NAME, revision=1), "unknown", "WI-40:1"),
    ],
)
def test_a_name_that_nobody_knows_is_refused(
    shop: Shop, wish: commands.CommandData, code: str, words: str
) -> None:
    refused = shop.ask(wish)
    assert (refused.code, words in refused.found) == (code, True), refused


def test_what_makes_no_sense_is_refused(shop: Shop) -> None:
    seen = digest(shop)
    past = commands.ReleaseDocument(document=NAME, digest=seen, effective_from_ns=shop.now_ns - SECOND)
    assert (shop.ask(past).code, shop.ask(past).place) == ("invalid", "effective from")
    never = commands.ReleaseDocument(document=NAME, digest=seen, effective_to_ns=shop.now_ns)
    assert shop.ask(never).place == "effective to"
    release(shop)
    assert shop.ask(commands.WithdrawDocument(document=NAME, revision=1, cause=" ")).place == "reason"


def test_reading_twice_is_noted_once_and_the_journal_alone_makes_the_same_tables(shop: Shop) -> None:
    release(shop)
    for _ in range(2):
        shop.granted(commands.AcknowledgeDocument(document=NAME, revision=1))
    shop.granted(commands.WithdrawDocument(document=NAME, revision=1, cause="old"))
    kinds = [entry.event_type for entry in shop.store.entries if entry.event_type.startswith("document")]
    assert kinds == ["document.released", "document.acknowledged", "document.withdrawn"]
    assert rebuilt(shop.store.entries).rows == shop.store.book.rows


def test_a_mistake_in_a_draft_is_named_with_file_and_line_and_keeps_no_other_from_work(
    shop: Shop, plant: Path
) -> None:
    folder = plant / "documents"
    (folder / "WI-50.yaml").write_text(
        "title: Leak\nproducts: [EA-100, EA-900]\noperation: Leek test\nsteps:\n"
        "  - {title: One, picture: ../plant.yaml}\n  - {title: Two, colour: red}\n"
    )
    (folder / "WI-51.yaml").write_text(
        "title: Nothing\nproducts: [EA-100]\noperation: Leak test\nsteps: []\n"
    )
    (folder / "W 52.yaml").write_text(
        "title: Pack\nproducts: [EA-100]\noperation: Pack\nsteps: [{title: Go}]\n"
    )
    found = {
        (Path(m.file).name, m.line, m.field): f"{m.found} {m.expected}"
        for m in find_mistakes(plant)
    }  # fmt: skip
    assert ("WI-50.yaml", 6, "steps[1].colour") in found
    assert ("WI-51.yaml", 4, "steps") in found and ("W 52.yaml", 1, "file") in found
    (folder / "WI-50.yaml").write_text(
        "title: Leak\nproducts: [EA-100, EA-900]\noperation: Leek test\nsteps:\n"
        "  - {title: One, picture: ../plant.yaml}\n"
    )
    found = {m.field: (m.line, m.expected) for m in find_mistakes(plant) if m.file.endswith("WI-50.yaml")}
    assert found["products[1]"][0] == 2 and "EA-100" in found["products[1]"][1]
    assert (
        found["operation"] == (3, found["operation"][1]) and "did you mean Leak test" in found["operation"][1]
    )
    assert found["steps[0].picture"][0] == 5
    refused = shop.ask(commands.ReleaseDocument(document="WI-50", digest="0"))
    assert refused.code == "invalid" and refused.place.startswith("WI-50.yaml:")
    answer = QUERIES["documents"](shop.store.book, shop.definitions, {}, shop.now_ns)
    assert [each["document"] for each in answer["documents"]] == ["WI-20", "WI-40"]
    assert len(answer["mistakes"]) == 5
    release(shop)


def test_the_pictures_of_a_draft_are_there_to_be_looked_at_before_it_is_released(
    shop: Shop, plant: Path
) -> None:
    ask = QUERIES["documents"]
    draft = ask(shop.store.book, shop.definitions, {}, shop.now_ns)["documents"][1]["draft"]
    assert draft["digest"] == digest(shop)
    wish = {"name": draft["steps"][0]["picture"]}
    picture = plant / "documents" / "WI-40-order.svg"
    content = picture.read_bytes()
    assert QUERIES["file"](shop.store.book, shop.definitions, wish, 0) == {"content": content}
    picture.write_bytes(content + b"\n")
    assert QUERIES["file"](shop.store.book, shop.definitions, wish, 0) == {}, "another picture now"
    release(shop)
    assert ask(shop.store.book, shop.definitions, {}, shop.now_ns)["documents"][1]["draft"] is None
