"""What all messages of B2MML share: how one is read without harm, and written. Pure.

Comes in: bytes of a transaction (`ProcessJobList`, `SyncOperationsDefinition` ...). Goes out: its verb, noun
and action, and each of its nouns as something to read from, that knows what nobody read; and the XML of
answers, whose elements stand in the order that the schema demands.
"""

from __future__ import annotations

import copy
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass

from taktwin.instants import parse_rfc3339, rfc3339

NAMESPACE = "http://www.mesa.org/xml/B2MML"
RELEASE = "0701"
PRODUCED, CONSUMED = "Produced", "Consumed"
PIECES = ("", "{part}", "C62", "EA", "H87", "PCE", "each")  # what a count of parts is called (UCUM, UN/ECE)
ADD, CHANGE, DELETE = "Add", "Change", "Delete"
DEPTH_MAX = 64  # B2MML itself has some twenty levels; what is deeper is written to break its reader
ELEMENTS_MAX = 1_000_000
UNUSED_SHOWN = 12
SAID_MAX = 200  # of what a message said, in an answer about it
ET.register_namespace("b2mml", NAMESPACE)
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?")
_NAME = re.compile(
    r"(Process|Sync|Show|Change|Cancel|Get|Notify|Acknowledge|Respond|Confirm)([A-Z][A-Za-z]*)"
)
_ENCODING = re.compile(r"""<\?xml[^>]*?encoding\s*=\s*["']([^"']*)["']""")
_NO_XML = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # what XML 1.0 has no way to say


class B2mmlError(Exception):
    """A document that cannot be read at all: place, found, right."""

    def __init__(self, place: str, found: object, right: str) -> None:
        super().__init__(f"{place}: found {str(found)[:SAID_MAX]}; expected {right}")
        self.place = place
        self.found = str(found)[:SAID_MAX]
        self.right = right


class Unreadable(Exception):
    """One noun of a message that cannot be read: place below it, found, right. It keeps no other one out."""

    def __init__(self, place: str, found: object, right: str) -> None:
        super().__init__(f"{place}: found {str(found)[:SAID_MAX]}; expected {right}")
        self.place = place
        self.found = str(found)[:SAID_MAX]
        self.right = right


@dataclass(frozen=True, slots=True)
class NotRead:
    """One noun of a message that cannot be read; `request` is its ID, "" where it has none."""

    request: str
    place: str
    found: str
    right: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one noun of a message; `remark`: what of it was not used."""

    request: str
    accepted: bool
    code: str = ""
    reason: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A message that was read; `bod` is what makes sending it twice harmless."""

    verb: str
    noun: str
    bod: str
    action: str  # Add | Change | Delete, for all nouns of the message
    root: ET.Element

    def nouns(self, *below: str) -> list[Noun]:
        """Return the nouns of the message, or what they hold of a name; places are counted from 1."""
        found = [
            Noun(each, f"{self.noun}[{number}]", set())
            for number, each in enumerate(self.root.findall(f"{q('DataArea')}/{q(self.noun)}"), start=1)
        ]
        for name in below:
            found = [each for noun in found for each in noun.every(name, numbered=True)]
        return found


class Noun:
    """An element of a message; whoever reads a part of it takes it, and what nobody took can be named."""

    def __init__(self, element: ET.Element, place: str, taken: set[int]) -> None:
        self._element = element
        self._taken = taken
        self.place = place

    def text(self, path: str) -> str:
        """Return the text of the first element there, without white space around it; "" = there is none."""
        return self.raw(path).strip()

    def raw(self, path: str) -> str:
        """Return the text of the first element there as it stands; "" = there is none."""
        found = self._element.find("/".join(q(name) for name in path.split("/")))
        if found is None:
            return ""
        self._taken.add(id(found))
        return found.text or ""

    def peek(self, path: str) -> str:
        """Return what `text` returns, and take nothing: to look whether it is one of ours."""
        found = self._element.find("/".join(q(name) for name in path.split("/")))
        return "" if found is None else (found.text or "").strip()

    def texts(self, name: str) -> list[str]:
        """Return the texts of all children of a name."""
        found = self._element.findall(q(name))
        self._taken.update(id(each) for each in found)
        return [(each.text or "").strip() for each in found]

    def every(self, name: str, *, numbered: bool = False) -> list[Noun]:
        """Return all children of a name."""
        return [
            Noun(each, f"{self.place}/{name}[{number}]" if numbered else f"{self.place}/{name}", self._taken)
            for number, each in enumerate(self._element.findall(q(name)), start=1)
        ]

    def below(self, name: str) -> list[Noun]:
        """Return all elements of a name, however deep they are."""
        return [Noun(each, f"{self.place}//{name}", self._taken) for each in self._element.iter(q(name))]

    def attribute(self, path: str, name: str) -> str:
        """Return an attribute of the first element there; "" = there is none."""
        found = self._element.find("/".join(q(each) for each in path.split("/")))
        return "" if found is None else found.get(name, "")

    def unused(self) -> list[str]:
        """Return where something is said that nobody read, each place once; the elements of others too."""
        found: dict[str, None] = {}
        above: list[tuple[ET.Element, str]] = [(self._element, "")]
        while above:  # not a call a level: what is deep is not our stack's business
            element, path = above.pop()
            for child in reversed(element):
                above.append((child, f"{path}/{_local(child)}" if path else _local(child)))
            if path and id(element) not in self._taken and (element.text or "").strip():
                found[path] = None
        return list(found)

    def remark(self) -> str:
        """Return what of it was not used, as a sentence; "" = all was."""
        names = self.unused()
        more = f" and {len(names) - UNUSED_SHOWN} more" if len(names) > UNUSED_SHOWN else ""
        shown = ", ".join(each[-SAID_MAX:] for each in names[:UNUSED_SHOWN])
        return f"not used: {shown}{more}" if names else ""

    def whole(self, path: str, right: str, *, otherwise: str = "") -> int:
        """Return a whole number, also one that is written 310.0 or 3.1E2. Raises Unreadable."""
        text = self.text(path) or otherwise
        value = number(text)
        if value is None or not value.is_integer() or abs(value) >= 2**53:
            raise Unreadable(path, repr(text), right)
        return int(value)

    def real(self, path: str, right: str, *, otherwise: str = "") -> float:
        """Return a number. Raises Unreadable."""
        text = self.text(path) or otherwise
        value = number(text)
        if value is None:
            raise Unreadable(path, repr(text), right)
        return value

    def instant(self, path: str, right: str, *, needed: bool = True) -> int:
        """Return an instant in nanoseconds since 1970 UTC, 0 where there is none. Raises Unreadable."""
        text = self.text(path)
        if not text and not needed:
            return 0
        try:
            return parse_rfc3339(text)
        except ValueError:
            raise Unreadable(
                path, repr(text), f"{right}, with a time zone, such as 2026-12-24T14:00:00Z"
            ) from None


def number(text: str) -> float | None:
    """Return a number as XML writes it; None where it is none, or none that can be counted with."""
    if _NUMBER.fullmatch(text) is None:  # Python itself would take 1_000, nan and inf
        return None
    value = float(text)
    return value if math.isfinite(value) else None


# In


def read(payload: bytes) -> Transaction:
    """Return a message.

    Raises
    ------
    B2mmlError
        If it is no UTF-8 XML, has a document type (which could pull in anything), is deeper or has more
        elements than any message has, or is no transaction of B2MML.
    """
    root = _root(payload)
    name = _local(root)
    split = _NAME.fullmatch(name)
    if split is None or root.tag != q(name):
        raise B2mmlError("root element", repr(root.tag), f"a verb and a noun of {NAMESPACE}")
    area = root.find(q("DataArea"))
    if area is None:
        raise B2mmlError(name, "no DataArea", "ApplicationArea and DataArea")
    bod = root.find(f"{q('ApplicationArea')}/{q('BODID')}")
    said = "" if bod is None or bod.text is None else bod.text.strip()
    return Transaction(split[1], split[2], said, _action(area), root)


def refused(noun: Noun, wrong: Unreadable) -> NotRead:
    """Return what cannot be read of a noun, with its ID if that can."""
    return NotRead(noun.text("ID"), f"{noun.place}/{wrong.place}", wrong.found, wrong.right)


def _action(area: ET.Element) -> str:
    """Return what is to be done with all nouns of a message: Add, which needs no word, Change or Delete."""
    codes = {each.get("actionCode", "") for each in area.iter(q("ActionExpression"))} or {ADD}
    if len(codes) > 1 or not codes <= {ADD, CHANGE, DELETE}:
        raise B2mmlError("ActionExpression", f"actionCode {', '.join(map(repr, sorted(codes)))}",
                         "Add, Change or Delete, one of them for all of a message")  # fmt: skip
    return codes.pop()


class _Careful(ET.TreeBuilder):
    """Builds a tree, unless it is one that is only there to do harm."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._elements = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse a document type, however it is encoded."""
        raise B2mmlError("document", "a document type", "XML without one")

    def start(self, tag: str, attrs: dict[str, str]) -> ET.Element:
        """Open an element."""
        self._depth += 1
        self._elements += 1
        if self._depth > DEPTH_MAX:
            raise B2mmlError(
                "document", f"more than {DEPTH_MAX} elements in each other", "a message of B2MML"
            )
        if self._elements > ELEMENTS_MAX:
            raise B2mmlError("document", f"more than {ELEMENTS_MAX:,} elements", "several smaller messages")
        return super().start(tag, attrs)

    def end(self, tag: str) -> ET.Element:
        """Close an element."""
        self._depth -= 1
        return super().end(tag)


def _root(payload: bytes) -> ET.Element:
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise B2mmlError("encoding", f"byte {error.start} is no UTF-8", "XML in UTF-8") from error
    said = _ENCODING.match(text)
    if said is not None and said[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        # A reader that believed it could be told another document than the one that we look at.
        raise B2mmlError("encoding", repr(said[1]), "XML in UTF-8, which says so")
    if "<!DOCTYPE" in text.upper():
        raise B2mmlError("document", "a document type", "XML without one")
    try:
        return ET.fromstring(text.encode(), parser=ET.XMLParser(target=_Careful(), encoding="utf-8"))
    except ET.ParseError as error:
        line, column = error.position
        raise B2mmlError(f"line {line}, column {column + 1}", str(error), "well-formed XML") from error


# Out


def start(
    name: str, *, sender: str, at_ns: int, bod: str, verb: str = "Show"
) -> tuple[ET.Element, ET.Element]:
    """Return the root of a new message, and its DataArea with the element of its verb."""
    root = ET.Element(q(name), {"releaseID": RELEASE})
    area = add(root, "ApplicationArea")
    add(add(area, "Sender"), "LogicalID", sender)
    add(area, "CreationDateTime", rfc3339(at_ns))
    add(area, "BODID", bod)
    data = add(root, "DataArea")
    add(data, verb)
    return root, data


def acknowledge(message: Transaction, verdicts: Iterable[Verdict], *, sender: str, at_ns: int) -> bytes:
    """Return the Acknowledge of a message: each noun accepted or rejected with its reason.

    Accepted with something that nobody used is accepted, and says what; the nouns are repeated whole.
    """
    root, data = start(f"Acknowledge{message.noun}", sender=sender, at_ns=at_ns,
                       bod=f"{message.bod}-acknowledge", verb="Acknowledge")  # fmt: skip
    acknowledged = data[0]
    original = message.root.find(q("ApplicationArea"))
    if original is not None:
        echoed = copy.deepcopy(original)
        echoed.tag = q("OriginalApplicationArea")
        acknowledged.append(echoed)
    for verdict in verdicts:
        criteria = add(acknowledged, "ResponseCriteria")
        expression = add(criteria, "ResponseExpression", verdict.request)
        expression.set("actionCode", "Accepted" if verdict.accepted else "Rejected")
        if not verdict.accepted or verdict.remark:
            status = add(criteria, "ChangeStatus")
            add(status, "Code", "unused" if verdict.accepted else verdict.code)
            add(status, "Description", verdict.remark if verdict.accepted else verdict.reason)
    for each in message.root.iterfind(f"{q('DataArea')}/{q(message.noun)}"):
        data.append(copy.deepcopy(each))
    return written(root)


def material(
    parent: ET.Element, name: str, product: str, lot: str, use: str, quantity: float, *, unit: str = "",
    other: str = "",
) -> None:  # fmt: skip
    """Add a MaterialRequirement, MaterialActual or MaterialSpecification."""
    found = add(parent, name)
    add(found, "ID", "-".join(each for each in (product, lot, other or use) if each))
    add(found, "MaterialDefinitionID", product)
    if lot:
        add(found, "MaterialLotID", lot)
    word = add(found, "MaterialUse", use)
    if other:
        word.set("OtherValue", other)
    amount(found, quantity, unit)


def amount(parent: ET.Element, quantity: float, unit: str = "") -> None:
    """Add a Quantity."""
    found = add(parent, "Quantity")
    add(found, "QuantityString", repr(quantity))
    add(found, "DataType", "integer" if isinstance(quantity, int) else "double")
    if unit:
        add(found, "UnitOfMeasure", unit)


def quantity_of(noun: Noun) -> float:
    """Return the Quantity of a noun; a whole number where it is written as one. Raises Unreadable."""
    value = noun.real("Quantity/QuantityString", "a number")
    noun.text("Quantity/UnitOfMeasure")
    return int(value) if noun.text("Quantity/DataType") == "integer" and value.is_integer() else value


def add(parent: ET.Element, name: str, text: str = "") -> ET.Element:
    """Add an element. What XML has no letter for is written as U+FFFD, so that the message stays one."""
    child = ET.SubElement(parent, q(name))
    if text:
        child.text = _NO_XML.sub("\ufffd", text)
    return child


def written(root: ET.Element) -> bytes:
    """Return a message as bytes. A carriage return is written as a reference: a reader would change it."""
    content = bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
    return content.replace(b"\r", b"&#13;")


def q(name: str) -> str:
    """Return a name of B2MML as the tree has it."""
    return f"{{{NAMESPACE}}}{name}"


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
