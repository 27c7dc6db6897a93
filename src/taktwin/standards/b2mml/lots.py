"""MaterialLot: stock by lot and place, out and as an ERP reads it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taktwin.standards.b2mml.message import add, amount, quantity_of, read, start, written

NOUN = "MaterialLot"


@dataclass(frozen=True, slots=True)
class LotOut:
    """A lot with something left, and where it stands."""

    lot: str
    product: str
    quantity: float
    disposition: str
    places: tuple[str, ...]  # () = in the store


def show_material_lots(lots: Iterable[LotOut], *, sender: str, at_ns: int) -> bytes:
    """Return the stock by lot and place. The schema wants at least one lot."""
    root, data = start(f"Show{NOUN}", sender=sender, at_ns=at_ns, bod=f"{sender}-{at_ns}")
    for each in lots:
        lot = add(data, NOUN)
        add(lot, "ID", each.lot)
        add(lot, "MaterialDefinitionID", each.product)
        add(lot, "Disposition", each.disposition)
        if each.places:
            place = add(lot, "StorageLocation")
            add(place, "Location", ", ".join(each.places))
            add(place, "LocationType", "Equipment")
        amount(lot, each.quantity)
    return written(root)


def read_material_lots(payload: bytes) -> list[LotOut]:
    """Return the lots of a ShowMaterialLot. Raises B2mmlError, or Unreadable where it is not one of ours."""
    return [
        LotOut(
            lot=noun.text("ID"), product=noun.text("MaterialDefinitionID"), quantity=quantity_of(noun),
            disposition=noun.text("Disposition"),
            places=tuple(filter(None, noun.text("StorageLocation/Location").split(", "))),
        )
        for noun in read(payload).nouns()
    ]  # fmt: skip
