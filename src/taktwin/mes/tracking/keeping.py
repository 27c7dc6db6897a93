"""What lies where: put down, taken away. The only writer of the stock's rows."""

from __future__ import annotations

import msgspec

from taktwin.mes.tracking.stock import UNPLACED, Stock, key
from taktwin.storage.book import Book, Reading

SOME = 1e-9  # in whatever it is counted in: less is rounding


def lies(book: Reading, lot: str) -> list[Stock]:
    """Return where something of a lot lies, by place."""
    return [row for row in book.where(Stock, lot=lot) if row.quantity > SOME]


def there(book: Reading, lot: str, location: str) -> float:
    """Return how much of a lot lies in a place."""
    row = book.get(Stock, key(location, lot))
    return 0.0 if row is None else row.quantity


def put_down(book: Book, *, lot: str, product: str, location: str, quantity: float, at_ns: int) -> None:
    """Let some of a lot lie in a place."""
    row = book.get(Stock, key(location, lot)) or Stock(
        stock=key(location, lot), lot=lot, product=product, location=location, quantity=0.0, since_ns=0,
        version=0,
    )  # fmt: skip
    book.put(msgspec.structs.replace(row, quantity=row.quantity + quantity, since_ns=at_ns,
                                     version=row.version + 1))  # fmt: skip


def take_away(book: Book, *, lot: str, location: str, quantity: float) -> float:
    """Take some of a lot from a place; return how much of it was there."""
    row = book.get(Stock, key(location, lot))
    if row is None or row.quantity <= 0:
        return 0.0
    taken = min(row.quantity, quantity)
    book.put(msgspec.structs.replace(row, quantity=row.quantity - taken, version=row.version + 1))
    return taken


def draw(book: Book, *, lot: str, first: str, quantity: float) -> dict[str, float]:
    """Take some of a lot, from one place first; return what was taken where.

    A machine has used what it used. What the stock knows nothing of at the machine was brought there
    and nobody said so: it comes from where nobody knows the lot, then from the fullest place.
    """
    taken = {first: take_away(book, lot=lot, location=first, quantity=quantity)}
    left = quantity - taken[first]
    if left > SOME:
        rows = sorted(
            lies(book, lot), key=lambda row: (row.location != UNPLACED, -row.quantity, row.location)
        )
        for row in rows:
            taken[row.location] = take_away(book, lot=lot, location=row.location, quantity=left)
            left -= taken[row.location]
            if left <= SOME:
                break
    return {location: amount for location, amount in taken.items() if amount > 0}
