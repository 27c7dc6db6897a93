"""The historian's door for tools on the same machine: files in a folder, no account on the bus needed.

`<id>.ask` holds a question, `<id>.answer` or `<id>.fault` what became of it, `<id>.progress` how far
long work is. Each file is written aside and renamed, so a reader never sees half of one. Who may
use the folder is a matter of its permissions.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

DOOR = "door"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One question: a name of `history.requests`, or `import`."""

    name: str
    payload: bytes = b""


class ImportJob(msgspec.Struct, frozen=True, kw_only=True):
    """What `import` asks: files, and how to read them (JSON of `ImportOptions`)."""

    paths: list[str]
    options: bytes = b"{}"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far long work is."""

    file: str
    lines_read: int
    share: float


def knock(folder: Path, number: str, ask: Ask) -> None:
    """Leave a question at the door of a historian's folder."""
    door = folder / DOOR
    door.mkdir(parents=True, exist_ok=True)
    _put(door / f"{number}.ask", msgspec.msgpack.encode(ask))


def waiting(folder: Path) -> list[tuple[str, Ask]]:
    """Return the questions that wait, and take them in; what is no question is answered as a fault."""
    door = folder / DOOR
    found = []
    for path in sorted(door.glob("*.ask")) if door.is_dir() else ():
        try:
            found.append((path.stem, msgspec.msgpack.decode(path.read_bytes(), type=Ask)))
        except msgspec.DecodeError as fault:
            put_fault(folder, path.stem, str(fault))
        path.unlink(missing_ok=True)
    return found


def put_answer(folder: Path, number: str, answer: bytes) -> None:
    """Lay an answer down."""
    _put(folder / DOOR / f"{number}.answer", answer)


def put_fault(folder: Path, number: str, text: str) -> None:
    """Say why there is no answer."""
    _put(folder / DOOR / f"{number}.fault", text.encode())


def put_progress(folder: Path, number: str, progress: Progress) -> None:
    """Say how far the work is."""
    _put(folder / DOOR / f"{number}.progress", msgspec.msgpack.encode(progress))


def collect(folder: Path, number: str) -> bytes | None:
    """Return the answer if it is there, and clear the door of this question.

    Raises
    ------
    ValueError
        If the historian could not answer, with its words.
    """
    door = folder / DOOR
    answer, fault = door / f"{number}.answer", door / f"{number}.fault"
    if fault.exists():
        text = fault.read_text(encoding="utf-8")
        _clear(door, number)
        raise ValueError(text)
    if not answer.exists():
        return None
    payload = answer.read_bytes()
    _clear(door, number)
    return payload


def progress_of(folder: Path, number: str) -> Progress | None:
    """Return how far the work is, None if nothing was said yet."""
    path = folder / DOOR / f"{number}.progress"
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Progress)
    except FileNotFoundError:
        return None


def _clear(door: Path, number: str) -> None:
    for path in door.glob(f"{number}.*"):
        path.unlink(missing_ok=True)


def _put(path: Path, content: bytes) -> None:
    aside = path.with_name(path.name + ".part")
    aside.write_bytes(content)
    aside.replace(path)
