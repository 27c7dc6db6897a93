"""Quality of a value: the four words of i3X, as codes on the wire, and how they combine."""

from __future__ import annotations

from enum import IntEnum


class Quality(IntEnum):
    """How far a value can be trusted. The numbers are the codes of `_sample_v1`."""

    GOOD = 0
    GOOD_NO_DATA = 1
    UNCERTAIN = 2
    BAD = 3

    @property
    def label(self) -> str:
        """Return the word that i3X and our JSON use."""
        return _LABELS[self]


_LABELS = {
    Quality.GOOD: "Good",
    Quality.GOOD_NO_DATA: "GoodNoData",
    Quality.UNCERTAIN: "Uncertain",
    Quality.BAD: "Bad",
}
BY_LABEL = {label: quality for quality, label in _LABELS.items()}


def worst(first: Quality, second: Quality) -> Quality:
    """Return the quality of something that was made of both."""
    return max(first, second)
