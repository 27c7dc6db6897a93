"""The log on disk: order, bounds, torn ends, restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.bus.buffer import DiskBuffer, Record
from taktwin.errors import StoreError


def record(number: int, size: int = 10, values: int = 2) -> Record:
    return Record("s", f"plc:mill1:0:{number}", {"h": "1"}, bytes(size), values)


def numbers(records: list[Record]) -> list[int]:
    return [int(r.message_id.rpartition(":")[2]) for r in records]


def small(folder: Path, **more: int) -> DiskBuffer:
    return DiskBuffer(folder, bytes_max=more.get("bytes_max", 100_000), segment_bytes=1_000)


def drain(buffer: DiskBuffer, count: int = 7) -> list[int]:
    taken: list[int] = []
    while batch := buffer.peek(count):
        taken += numbers(batch)
        buffer.done(batch)
    return taken


def test_what_goes_in_comes_out_in_order_over_many_segments(tmp_path: Path) -> None:
    buffer = small(tmp_path)
    buffer.append([record(n) for n in range(200)], mono_ns=0)
    assert (buffer.messages, buffer.values) == (200, 400)
    assert len(list(tmp_path.glob("*.log"))) > 5
    assert drain(buffer) == list(range(200))
    assert (buffer.messages, buffer.values, buffer.bytes, list(tmp_path.glob("*.log"))) == (0, 0, 0, [])


def test_a_restart_goes_on_after_what_was_done(tmp_path: Path) -> None:
    buffer = small(tmp_path)
    buffer.append([record(n) for n in range(50)], mono_ns=0)
    buffer.done(buffer.peek(5))
    buffer.close()
    again = small(tmp_path)
    assert (again.messages, again.values) == (45, 90)
    again.append([record(n) for n in range(50, 60)], mono_ns=0)
    assert drain(again) == list(range(5, 60))
    assert small(tmp_path).messages == 0


def test_a_torn_end_is_cut_off_and_everything_before_it_kept(tmp_path: Path) -> None:
    buffer = small(tmp_path)
    buffer.append([record(n) for n in range(5)], mono_ns=0)
    buffer.close()
    (path,) = tmp_path.glob("*.log")
    whole = path.read_bytes()
    for cut in range(len(whole) - 1, len(whole) - 20, -3):
        path.write_bytes(whole[:cut])
        again = small(tmp_path)
        assert numbers(again.peek(10)) == [0, 1, 2, 3]
        again.close()


def test_a_flipped_bit_ends_its_segment_there(tmp_path: Path) -> None:
    buffer = small(tmp_path)
    buffer.append([record(n) for n in range(5)], mono_ns=0)
    buffer.close()
    (path,) = tmp_path.glob("*.log")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert numbers(small(tmp_path).peek(10)) == [0, 1]


def test_a_torn_note_of_what_is_done_sends_some_again_and_loses_none(tmp_path: Path) -> None:
    buffer = small(tmp_path)
    buffer.append([record(n) for n in range(5)], mono_ns=0)
    buffer.done(buffer.peek(2))
    buffer.close()
    (tmp_path / "done").write_text("0000000")
    assert numbers(small(tmp_path).peek(10)) == [0, 1, 2, 3, 4]


def test_a_full_log_gives_up_the_oldest_and_says_which(tmp_path: Path) -> None:
    buffer = small(tmp_path, bytes_max=5_000)
    buffer.append([record(n) for n in range(300)], mono_ns=0)
    assert buffer.bytes <= 5_000
    kept = drain(buffer)
    assert kept == list(range(kept[0], 300))
    assert buffer.dropped == kept[0] > 0
    lost = [
        n
        for gap in buffer.gaps
        for n in range(int(gap.first_id.rpartition(":")[2]), int(gap.last_id.rpartition(":")[2]) + 1)
    ]
    assert lost == list(range(kept[0]))
    assert sum(gap.messages for gap in buffer.gaps) == kept[0]


def test_what_was_given_up_meanwhile_is_not_taken_for_done(tmp_path: Path) -> None:
    buffer = small(tmp_path, bytes_max=3_000)
    buffer.append([record(n) for n in range(10)], mono_ns=0)
    under_way = buffer.peek(10)
    buffer.append([record(n) for n in range(10, 100)], mono_ns=0)
    oldest = numbers(buffer.peek(1))
    assert oldest[0] > 9
    buffer.done(under_way)
    assert numbers(buffer.peek(1)) == oldest


def test_a_disk_that_refuses_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        small(tmp_path / "file" / "below")


def test_what_was_appended_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys,os\nfrom pathlib import Path\nfrom taktwin.bus.buffer import DiskBuffer, Record\n"
        "b=DiskBuffer(Path(sys.argv[1]),bytes_max=10**7,segment_bytes=4000)\nn=0\n"
        "while True:\n b.append([Record('s',f'plc:u:0:{n}',{},b'x'*50,1)],mono_ns=n)\n n+=1\n"
        " os.write(1,b'%d\\n'%n)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    acknowledged = 0
    while acknowledged < 500:
        acknowledged = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read().splitlines()
    child.wait()
    acknowledged = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged
    found = drain(DiskBuffer(tmp_path, bytes_max=10**7, segment_bytes=4000), 100)
    assert found == list(range(len(found)))
    assert len(found) >= acknowledged


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(1, 20)),
            st.tuples(st.just("done"), st.integers(1, 30)),
            st.tuples(st.just("restart"), st.just(0)),
        ),
        max_size=30,
    )
)
def test_any_mix_of_appends_takes_and_restarts_keeps_the_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("buffer")
    buffer, model, number = small(folder), [], 0
    for what, count in steps:
        if what == "append":
            fresh = list(range(number, number + count))
            number += count
            model += fresh
            buffer.append([record(n) for n in fresh], mono_ns=0)
        elif what == "done":
            batch = buffer.peek(count)
            assert numbers(batch) == model[: len(batch)]
            buffer.done(batch)
            model = model[len(batch) :]
        else:
            buffer.close()
            buffer = small(folder)
        assert buffer.messages == len(model)
        assert buffer.values == 2 * len(model)
    assert drain(buffer) == model
