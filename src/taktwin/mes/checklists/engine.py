"""What an answer is worth, and what a photo may be. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from taktwin.plant.schema import ChecklistItem

OK, NOK = "OK", "NOK"
PHOTO_BYTES_MAX = 1_000_000  # terminals make theirs smaller before they send them
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
# What a camera writes beside the picture: where it was taken, when, by whose device.
JPEG_SPOKEN = frozenset({*range(0xE1, 0xE2), *range(0xE3, 0xEE), 0xEF, 0xFE})  # APP1, APP3..13, APP15, COM
PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs"})


class NoPhotoError(ValueError):
    """Bytes that are kept as no photo: what was found, and what would be right."""

    def __init__(self, found: str, right: str) -> None:
        super().__init__(f"found {found}; expected {right}")
        self.found = found
        self.right = right


@dataclass(frozen=True, slots=True)
class Answered:
    """What somebody says to an item; None and "" where they say nothing of that kind."""

    done: bool | None
    value: float | None
    text: str


def verdict(item: ChecklistItem, answer: Answered) -> str:
    """Return whether an answer is as it should be: within its limits, done, yes, said."""
    if item.kind == "number":
        assert answer.value is not None, "a number was asked for, and given"
        low = item.lower is None or answer.value >= item.lower
        return OK if low and (item.upper is None or answer.value <= item.upper) else NOK
    return OK if answer.done or answer.text else NOK


def cleaned(content: bytes) -> tuple[str, bytes]:
    """Return suffix and bytes of a photo without what the camera knew of place, time and device.

    Which way up it is goes too: terminals turn the picture itself before they send it.

    Raises
    ------
    NoPhotoError
        If it is too large, none of the two kinds that are kept, or broken.
    """
    if len(content) > PHOTO_BYTES_MAX:
        raise NoPhotoError(f"{len(content) / 1e6:.1f} MB", f"{PHOTO_BYTES_MAX / 1e6:.0f} MB at most")
    try:
        if content.startswith(JPEG):
            return ".jpg", _jpeg(content)
        if content.startswith(PNG):
            return ".png", _png(content)
    except (struct.error, IndexError, ValueError) as error:
        if isinstance(error, NoPhotoError):
            raise
        raise NoPhotoError("a picture that is cut off or broken", "a whole one") from error
    raise NoPhotoError("something else", "a JPEG or PNG picture")


def _jpeg(content: bytes) -> bytes:
    kept, at = [content[:2]], 2
    while True:
        if content[at] != 0xFF:
            raise NoPhotoError("a broken JPEG", "a whole one")
        marker = content[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker == 0xD9:  # what hangs behind the picture goes too
            return b"".join((*kept, content[at : at + 2]))
        (length,) = struct.unpack_from(">H", content, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(content):
            raise NoPhotoError("a picture that is cut off", "a whole one")
        if marker == 0xDA:  # the lines of the picture follow, up to a mark that is none of their own
            while content[end] != 0xFF or content[end + 1] in (0x00, *range(0xD0, 0xD8)):
                end = content.index(0xFF, end + 1)
        if marker not in JPEG_SPOKEN:
            kept.append(content[at:end])
        at = end


def _png(content: bytes) -> bytes:
    kept, at = [content[:8]], 8
    while True:
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content):
            raise NoPhotoError("a picture that is cut off", "a whole one")
        if kind in PNG_KEPT:
            kept.append(content[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
