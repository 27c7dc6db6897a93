"""`taktwin verify-audit` on a file: what somebody may do to an exported journal, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin.cli.main import run
from taktwin.storage.journal import START, Entry, sealed

COUNT = 6
Lines = list[bytes]


def chain(count: int = COUNT, who: str = "P01") -> list[Entry]:
    """Return a whole journal."""
    made: list[Entry] = []
    for number in range(1, count + 1):
        entry = Entry(
            sequence=number, event_type="unit.held", subject=f"A{number}", time_ns=number * 10,
            recorded_ns=number * 10 + 1, actor=who, actor_type="human", on_behalf_of=f"P{number:02}",
            reason="looked at it", correlation=f"c{number}", content='{"unit": "A1"}',
        )  # fmt: skip
        made.append(sealed(entry, made[-1].hash if made else START))
    return made


def lines(entries: list[Entry]) -> Lines:
    return [msgspec.json.encode(entry) + b"\n" for entry in entries]


def anchor(entry: Entry) -> dict[str, Any]:
    return {"sequence": entry.sequence, "hash": entry.hash, "at": ""}


@pytest.fixture
def verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Return what the command says of a journal, with or without anchors."""

    def said(journal: Lines, anchors: list[dict[str, Any]] | bytes | None = None) -> tuple[int, str]:
        (tmp_path / "journal.jsonl").write_bytes(b"".join(journal))
        words = ["verify-audit", str(tmp_path / "journal.jsonl")]
        if anchors is not None:
            if not isinstance(anchors, bytes):
                anchors = b"".join(msgspec.json.encode(each) + b"\n" for each in anchors)
            (tmp_path / "anchors.jsonl").write_bytes(anchors)
            words += ["--anchors", str(tmp_path / "anchors.jsonl")]
        code = run(words)
        out, err = capsys.readouterr()
        return code, out + err

    return said


def test_a_whole_journal_is_proven_and_what_was_not_looked_at_is_said(verified: Any) -> None:
    whole = chain()
    code, said = verified(lines(whole), [anchor(whole[2]), anchor(whole[-1]), anchor(whole[-1])])
    assert code == 0 and f"{COUNT} entries" in said and "2 anchors agree" in said
    assert said.count(whole[-1].hash) == 1 and "not proven" not in said
    code, said = verified(lines(whole))
    assert code == 0 and "not proven" in said and "anchors agree" not in said
    code, said = verified(lines(whole), [anchor(whole[2])])
    assert code == 0 and "not proven: entries 4 to 6" in said, "the end behind the last anchor"


@pytest.mark.parametrize("name", [each for each in Entry.__struct_fields__ if each != "sequence"])
@pytest.mark.parametrize("number", [1, 3, COUNT])
def test_a_changed_value_is_found_wherever_it_is(verified: Any, number: int, name: str) -> None:
    whole = chain()
    old = getattr(whole[number - 1], name)
    new = old + 1 if isinstance(old, int) else f"{old[:-1]}~"
    whole[number - 1] = msgspec.structs.replace(whole[number - 1], **{name: new})
    code, said = verified(lines(whole))
    assert code == 1 and f"broken at entry {number}: " in said
    assert f"entries 1 to {number - 1} are whole" in said


@pytest.mark.parametrize("number", [1, 3, COUNT])
def test_a_value_changed_with_its_own_hash_is_found_by_the_next_or_by_an_anchor(
    verified: Any, number: int
) -> None:
    whole = chain()
    kept = anchor(whole[-1])
    entry = whole[number - 1]
    whole[number - 1] = sealed(msgspec.structs.replace(entry, actor="P99"), entry.previous_hash)
    code, said = verified(lines(whole), [kept])
    assert code == 1 and f"broken at entry {min(number + 1, COUNT)}: " in said


def test_a_changed_entry_that_the_next_one_is_made_to_name_is_found_there(verified: Any) -> None:
    """Only two lines differ then, and the end is as it was anchored: the next one's hash binds its link."""
    whole = chain()
    kept = anchor(whole[-1])
    whole[2] = sealed(msgspec.structs.replace(whole[2], actor="P99"), whole[1].hash)
    whole[3] = msgspec.structs.replace(whole[3], previous_hash=whole[2].hash)
    code, said = verified(lines(whole), [kept])
    assert code == 1 and "broken at entry 4: it was changed after it was written" in said


def test_a_chain_that_goes_on_from_another_is_no_beginning(verified: Any) -> None:
    entries, previous = [], "f" * 64
    for entry in chain():
        entries.append(sealed(entry, previous))
        previous = entries[-1].hash
    code, said = verified(lines(entries))
    assert code == 1 and "broken at entry 1: it does not continue" in said


@pytest.mark.parametrize(
    ("one", "next_"), [("actor", "actor_type"), ("reason", "correlation"), ("correlation", "content")]
)
def test_letters_that_wander_from_a_column_to_the_next_are_found(verified: Any, one: str, next_: str) -> None:
    whole = chain()
    first, second = getattr(whole[2], one), getattr(whole[2], next_)
    whole[2] = msgspec.structs.replace(whole[2], **{one: first[:-1], next_: first[-1] + second})
    assert "broken at entry 3: " in verified(lines(whole))[1]


ORDERS: dict[str, tuple[Callable[[Lines], Lines], int]] = {
    "the first is gone": (lambda all_: all_[1:], 1),
    "one is gone": (lambda all_: [*all_[:2], *all_[3:]], 3),
    "two are swapped": (lambda all_: [*all_[:2], all_[3], all_[2], *all_[4:]], 3),
    "the last two are swapped": (lambda all_: [*all_[:4], all_[5], all_[4]], 5),
    "one is there twice": (lambda all_: [*all_[:3], all_[2], *all_[3:]], 4),
    "the last is there twice": (lambda all_: [*all_, all_[-1]], COUNT + 1),
    "it is backwards": (lambda all_: all_[::-1], 1),
    "it goes on from the start again": (lambda all_: [*all_, *all_], COUNT + 1),
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_export_in_another_order_is_none(verified: Any, name: str) -> None:
    change, where = ORDERS[name]
    code, said = verified(change(lines(chain())))
    assert code == 1 and f"broken at entry {where}: " in said


def test_what_only_an_anchor_tells(verified: Any) -> None:
    whole = chain()
    for cut in (1, 2, COUNT - 1):
        code, said = verified(lines(whole[:cut]), [anchor(whole[0]), anchor(whole[-1])])
        assert code == 1 and f"broken at entry {COUNT}: it was anchored and is missing" in said
    anew = chain(who="P99")
    for number in (1, 4, COUNT):
        code, said = verified(lines(anew), [anchor(whole[number - 1])])
        assert code == 1 and f"broken at entry {number}: it is not the entry that was anchored" in said
    code, said = verified(lines(anew), [anchor(whole[1]), anchor(anew[1])])
    assert code == 1 and "entry 2: it was anchored twice" in said


def test_a_gap_in_the_numbers_is_none_that_somebody_may_leave(verified: Any) -> None:
    whole = chain(3)
    renumbered = sealed(msgspec.structs.replace(whole[2], sequence=4), whole[1].hash)
    code, said = verified(lines([*whole[:2], renumbered]))
    assert code == 1 and "broken at entry 3: it is missing; next is 4" in said


def test_what_holds_nothing_proves_nothing(verified: Any) -> None:
    assert verified([])[0] == 1
    whole = chain()
    code, said = verified(lines(whole), [])
    assert code == 1 and "no anchor" in said


@pytest.mark.parametrize(
    "torn", [b'{"sequence": 6, "hash"', b"{}\n", b"\xff\n", b'{"sequence": "6", "hash": "0"}\n'],
)  # fmt: skip
def test_anchors_that_cannot_be_read_are_not_left_out(verified: Any, torn: bytes) -> None:
    whole = chain()
    code, said = verified(lines(whole), msgspec.json.encode(anchor(whole[0])) + b"\n" + torn)
    assert code != 0 and "anchors.jsonl" in said


def test_a_file_that_is_not_there_is_named(verified: Any, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(b"".join(lines(chain())))
    assert run(["verify-audit", str(tmp_path / "journal.jsonl"), "--anchors", str(tmp_path / "x")]) != 0
    assert run(["verify-audit", str(tmp_path / "y")]) != 0


def twice(line: bytes) -> bytes:
    """Say another person before: many readers take the first of two, and ours takes the last."""
    return line.replace(b'"actor":', b'"actor":"P99","actor":')


def more(line: bytes) -> bytes:
    return line.replace(b'"actor":', b'"approved_by":"P99","actor":')


def whole_number(line: bytes) -> bytes:
    return line.replace(b'"time_ns":30', b'"time_ns":30.0')


def less(line: bytes) -> bytes:
    return line.replace(b'"reason":"looked at it",', b"")


def behind(line: bytes) -> bytes:
    return line.rstrip() + b' {"sequence":3}\n'


@pytest.mark.parametrize("change", [twice, more, whole_number, less, behind])
def test_a_line_that_says_more_than_its_hash_binds_is_none(
    verified: Any, change: Callable[[bytes], bytes]
) -> None:
    whole = lines(chain())
    changed = change(whole[2])
    assert changed != whole[2]
    code, said = verified([*whole[:2], changed, *whole[3:]])
    assert code != 0 and "3" in said, said


def test_a_line_that_another_tool_has_written_anew_is_the_same(verified: Any) -> None:
    anew = [
        json.dumps(json.loads(line), sort_keys=True, indent=None).encode() + b"\r\n"
        for line in lines(chain())
    ]
    assert verified(anew)[0] == 0
