"""A disk that is really full under the log: a small file system in memory, filled by somebody else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from taktwin.bus.buffer import DiskBuffer, Record

KIB = 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mounted)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no small file system of its own: {done.stderr.decode().strip()}")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def record(number: int) -> Record:
    return Record("s", f"plc:mill1:0:{number}", {}, number.to_bytes(4) * 2000, 3)


def log(disk: Path) -> DiskBuffer:
    return DiskBuffer(disk / "buffer", bytes_max=10**9, segment_bytes=64 * KIB)


def taken(buffer: DiskBuffer) -> list[int]:
    found: list[int] = []
    while batch := buffer.peek(7):
        for each in batch:
            number = int(each.message_id.rpartition(":")[2])
            assert each == record(number), "half of a record"
            found.append(number)
        buffer.done(batch)
    return found


def test_the_oldest_goes_what_is_left_is_whole_and_with_room_it_goes_on(disk: Path) -> None:
    buffer = log(disk)
    buffer.append((record(n) for n in range(300)), mono_ns=0)  # 2.4 MB on 1 MB
    assert 0 < buffer.dropped < 300
    kept = taken(log(disk))
    assert kept == list(range(buffer.dropped, 300)), "the newest, whole and in order"
    again = log(disk)
    again.append((record(n) for n in range(300, 310)), mono_ns=0)
    assert taken(again) == list(range(300, 310))


def test_on_a_disk_that_others_fill_up_what_found_no_room_is_counted_and_nothing_ends(disk: Path) -> None:
    buffer = log(disk)
    buffer.append((record(n) for n in range(3)), mono_ns=0)
    (disk / "of somebody else").write_bytes(b"")
    with pytest.raises(OSError, match="No space"):  # noqa: SIM117
        with (disk / "of somebody else").open("wb", buffering=0) as other:
            while True:
                other.write(bytes(KIB))
    buffer.append((record(n) for n in range(3, 20)), mono_ns=0)
    first_kept = 20 - buffer.dropped
    assert buffer.dropped >= 15
    (gap,) = buffer.gaps
    assert (gap.messages, gap.values, gap.last_id) == (buffer.dropped, 3 * buffer.dropped, "plc:mill1:0:19")
    assert taken(buffer) == list(range(first_kept))
    buffer.append([record(20)], mono_ns=0)
    (disk / "of somebody else").unlink()
    buffer.append((record(n) for n in range(21, 60)), mono_ns=10**10)
    buffer.close()
    assert taken(log(disk))[-39:] == list(range(21, 60))
