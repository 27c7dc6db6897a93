"""What the journal says of a recommendation; a chain that was tampered with is never said to hold."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from taktwin.ledger.trail import anchors_in, trail
from taktwin.storage.journal import Anchor, Entry, sealed
from taktwin.storage.stores import MemoryStore
from tests.support_advice import Office


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    """The journal of a ledger in which two recommendations were measured."""
    store = MemoryStore()
    office = Office(store).begun()
    office.measured("r1", -11.0, "M1")
    office.measured("r2", -0.2, "M2")
    return list(store.entries)


def test_a_life_is_told_in_order_with_who_did_it_and_the_event_as_it_was_written(
    entries: list[Entry],
) -> None:
    found = trail(entries, [], "r1")
    assert [each.event_type.removeprefix("recommendation.") for each in found.entries] == [
        "validated", "proposed", "approved", "accepted", "dispatched", "acknowledged", "done", "measured",
    ]  # fmt: skip
    by = {each.event_type: each for each in found.entries}
    accepted, opened = by["recommendation.accepted"], by["recommendation.acknowledged"]
    assert (accepted.actor, accepted.actor_type) == ("P01", "human")
    assert opened.actor == "mes" and opened.correlation.startswith("/northfield/mes:")
    assert by["recommendation.validated"].actor_type == "ai"
    for each in found.entries:
        assert each.content == entries[each.sequence - 1].content
    assert found.chain.entries == len(entries) and found.chain.last_hash == entries[-1].hash
    assert found.chain.broken_what == "" and found.chain.anchored == 0


def test_of_what_nobody_knows_nothing_is_said(entries: list[Entry]) -> None:
    assert trail(entries, [], "r9").entries == []
    assert trail([], [], "r1").chain.entries == 0


def test_anchors_agree_or_say_where_not(entries: list[Entry]) -> None:
    middle, end = entries[4], entries[-1]
    kept = [Anchor(middle.sequence, middle.hash), Anchor(end.sequence, end.hash)]
    chain = trail(entries, kept, "r1").chain
    assert (chain.anchors, chain.anchored, chain.broken_what) == (2, end.sequence, "")
    cut = trail(entries[:-1], kept, "r1").chain
    assert cut.broken_at == end.sequence and "is missing" in cut.broken_what
    twice = trail(entries, [*kept, Anchor(middle.sequence, "0" * 64)], "r1")
    assert "anchored twice" in twice.chain.broken_what and twice.entries == []


@pytest.mark.parametrize("place", [0, 3, -1])
def test_an_entry_that_was_changed_breaks_the_chain_and_what_comes_after_is_shown_to_nobody(
    entries: list[Entry], place: int
) -> None:
    bent = list(entries)
    bent[place] = msgspec.structs.replace(bent[place], actor="somebody else")
    found = trail(bent, [], "r1")
    assert found.chain.broken_at == bent[place].sequence and "changed" in found.chain.broken_what
    assert all(each.sequence < found.chain.broken_at for each in found.entries)


def test_a_chain_that_was_made_anew_is_found_by_its_anchor(entries: list[Entry]) -> None:
    made, previous = [], "0" * 64
    for entry in entries:
        changed = msgspec.structs.replace(entry, reason="never mind") if entry.sequence == 2 else entry
        made.append(sealed(changed, previous))
        previous = made[-1].hash
    assert trail(made, [], "r1").chain.broken_what == "", "the chain alone cannot know"
    anchored = trail(made, [Anchor(entries[-1].sequence, entries[-1].hash)], "r1").chain
    assert "anchored" in anchored.broken_what


def test_anchors_are_read_from_their_file_and_a_bad_line_is_no_anchor(tmp_path: Path) -> None:
    assert list(anchors_in(tmp_path)) == []
    (tmp_path / "anchors.jsonl").write_bytes(b'{"sequence":3,"hash":"ab","at":"x"}\n')
    assert list(anchors_in(tmp_path)) == [Anchor(3, "ab", "x")]
    (tmp_path / "anchors.jsonl").write_bytes(b'{"sequence":"three"}\n')
    with pytest.raises(msgspec.DecodeError):
        list(anchors_in(tmp_path))
