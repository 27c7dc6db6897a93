"""MaterialLot: stock by lot and place, out and as an ERP reads it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from taktwin.standards.b2mml.message import add, amount, quantity_of, read, start, written

NOUN = "MaterialLot"


@dataclass(frozen=True, slots=True)
class LotOut:
    """A lot with something left, and how much of it lies where."""

    lot: str
    product: str
    quantity: float
    disposition: str
    places: Mapping[str, float]  # place -> how much of it lies there; what is in none, nobody knows where


def show_material_lots(lots: Iterable[LotOut], *, sender: str, at_ns: int) -> bytes:
    """Return the stock by lot and place. The schema wants at least one lot."""
    root, data = start(f"Show{NOUN}", sender=sender, at_ns=at_ns, bod=f"{sender}-{at_ns}")
    for each in lots:
        lot = add(data, NOUN)
        add(lot, "ID", each.lot)
        add(lot, "MaterialDefinitionID", each.product)
        add(lot, "Disposition", each.disposition)
        whole = list(each.places.values()) == [each.quantity]
        for place, quantity in () if whole else sorted(each.places.items()):
            # ISA-95: a part of a lot that lies by itself is a sub-lot.
            part = add(lot, "MaterialSubLot")
            add(part, "ID", f"{each.lot}@{place}")
            add(part, "Disposition", each.disposition)
            _storage(part, place)
            amount(part, quantity)
        if whole:
            _storage(lot, *each.places)
        amount(lot, each.quantity)
    return written(root)


def _storage(parent: Element, place: str) -> None:
    storage = add(parent, "StorageLocation")
    add(storage, "Location", place)
    add(storage, "LocationType", "Equipment")


def read_material_lots(payload: bytes) -> list[LotOut]:
    """Return the lots of a ShowMaterialLot. Raises B2mmlError, or Unreadable where it is not one of ours."""
    return [
        LotOut(
            lot=noun.text("ID"), product=noun.text("MaterialDefinitionID"), quantity=quantity_of(noun),
            disposition=noun.text("Disposition"),
            places={
                each.text("StorageLocation/Location"): quantity_of(each)
                for each in (noun, *noun.every("MaterialSubLot"))
                if each.peek("StorageLocation/Location")
            },
        )
        for noun in read(payload).nouns()
    ]  # fmt: skip
