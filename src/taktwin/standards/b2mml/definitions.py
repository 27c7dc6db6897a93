"""OperationsDefinition: how a product is made and from what, in and out. Pure.

One definition is one product in one version: its segments are the operations of the routing, in the order
in which they stand; what goes in stands at the segment (`MaterialSpecification`), or in an
`OperationsMaterialBill` of the same message that the segment or the definition names. Parameters carry what
the schema has no field for: `BatchSize`, `SetupTime` (seconds), `SetupFamily`, `Serialised`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from taktwin.instants import rfc3339
from taktwin.standards.b2mml.message import (
    CONSUMED,
    B2mmlError,
    NotRead,
    Noun,
    Transaction,
    Unreadable,
    add,
    material,
    number,
    refused,
    start,
    written,
)

NOUN, INFORMATION = "OperationsDefinition", "OperationsDefinitionInformation"
PARAMETERS = ("BatchSize", "SetupTime", "SetupFamily", "Serialised")
STEP = 10  # a segment without a name of its own is called by its place
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_TRUE = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Line:
    """What goes into one part."""

    product: str
    quantity: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """One operation of a routing."""

    name: str
    equipment_class: str
    work_units: tuple[str, ...] = ()  # only these; () = any of the class
    time_s: float = 0.0  # of a part, or of a batch
    batch: int = 1
    setup_s: float = 0.0
    components: tuple[Line, ...] = ()
    skills: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    segment: str = ""  # what its sender calls it; "": by its place, 10, 20, 30


@dataclass(frozen=True, slots=True)
class ProductDefinition:
    """One product in one version; instants in nanoseconds since 1970 UTC."""

    product: str
    version: str
    name: str
    effective_ns: int  # 0 = from when it comes
    until_ns: int  # 0 = open
    serialised: bool | None  # None: not said
    setup_family: str | None
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class DefinitionIn:
    """One OperationsDefinition that can be read."""

    definition: ProductDefinition
    remark: str = ""  # what of it was not used


def definitions(message: Transaction) -> tuple[DefinitionIn | NotRead, ...]:
    """Return the definitions of a message, each by itself: a bad one keeps no good one out.

    Where they are deleted only product and version are read.

    Raises
    ------
    B2mmlError
        If it is another message, or has no definition.
    """
    if message.noun not in (NOUN, INFORMATION) or message.verb not in ("Process", "Sync", "Show", "Change"):
        raise B2mmlError("root element", repr(message.verb + message.noun), f"Process{NOUN} or Sync{NOUN}")
    around = message.noun == INFORMATION
    nouns = message.nouns(NOUN) if around else message.nouns()
    if not nouns:
        raise B2mmlError("DataArea", f"no {NOUN}", f"{message.noun} with one or more")
    bills = {each.text("ID"): each for each in (message.nouns("OperationsMaterialBill") if around else [])}
    found: list[DefinitionIn | NotRead] = []
    used: set[str] = set()
    for noun in nouns:
        try:
            found.append(_definition(noun, bills, used, only_named=message.action == "Delete"))
        except Unreadable as wrong:
            found.append(refused(noun, wrong))
    lost = sorted({*bills} - used)
    if lost and message.action != "Delete":
        raise B2mmlError("OperationsMaterialBill", f"{', '.join(lost)}, which no definition names",
                         "OperationsMaterialBillID at a definition or segment of the message")  # fmt: skip
    return tuple(found)


def _definition(noun: Noun, bills: Mapping[str, Noun], used: set[str], *, only_named: bool) -> DefinitionIn:
    product, version = noun.text("ID"), noun.text("Version")
    whole = noun.texts("OperationsMaterialBillID")
    segments = noun.every("OperationsSegment", numbered=True)
    named = [name for each in segments for name in each.texts("OperationsMaterialBillID")]
    used.update(whole, named)
    if not product:
        raise Unreadable("ID", "''", "the product")
    if only_named:
        return DefinitionIn(ProductDefinition(product, version, "", 0, 0, None, None, ()))
    if noun.peek("OperationsType") in ("", "Production"):
        noun.text("OperationsType")
    for name in (*whole, *named):
        if name not in bills:
            raise Unreadable("OperationsMaterialBillID", repr(name), "a bill of the same message")
    if not segments:
        raise Unreadable("OperationsSegment", "none", "one for each operation")
    read: list[Segment] = []
    said: dict[str, dict[str, None]] = {"SetupFamily": {}, "Serialised": {}}
    before = ""
    remarks: list[str] = []
    for number_, each in enumerate(segments):
        try:
            parameters = _parameters(each)
            lines = _lines(each, [bills[name] for name in (each.texts("OperationsMaterialBillID")
                                                           + (whole if number_ == 0 else []))])  # fmt: skip
            _follows(each, before)
            before = each.text("ID")
            read.append(_segment(each, parameters, lines, (number_ + 1) * STEP))
        except Unreadable as wrong:
            raise Unreadable(
                f"OperationsSegment[{number_ + 1}]/{wrong.place}", wrong.found, wrong.right
            ) from None
        for name, values in said.items():
            if name in parameters:
                values[parameters[name]] = None
    for name, values in said.items():
        if len(values) > 1:
            raise Unreadable(f"ParameterSpecification {name}", ", ".join(values), "one for all segments")
    serialised = next(iter(said["Serialised"]), None)
    if serialised is not None and serialised not in _TRUE:
        raise Unreadable("ParameterSpecification Serialised", repr(serialised), "true or false")
    name = noun.raw("Description")
    effective_ns = noun.instant("EffectiveStartDate", "from when it counts", needed=False)
    until_ns = noun.instant("EffectiveEndDate", "until when it counts", needed=False)
    remarks = [text for each in (noun, *(bills[n] for n in dict.fromkeys((*whole, *named))))
               if (text := each.remark())]  # fmt: skip
    return DefinitionIn(
        ProductDefinition(product, version, name, effective_ns, until_ns,
                          None if serialised is None else _TRUE[serialised],
                          next(iter(said["SetupFamily"]), None), tuple(read)),
        "; ".join(remarks),
    )  # fmt: skip


def _segment(noun: Noun, parameters: Mapping[str, str], lines: tuple[Line, ...], place: int) -> Segment:
    number_ = noun.text("ID")
    name = noun.raw("Description") or next(iter(noun.texts("ProcessSegmentID")), "") or number_
    if noun.peek("OperationsType") in ("", "Production"):
        noun.text("OperationsType")
    classes = [
        each for need in noun.every("EquipmentSpecification") for each in need.texts("EquipmentClassID")
    ]
    units = [each for need in noun.every("EquipmentSpecification") for each in need.texts("EquipmentID")]
    for need in noun.every("EquipmentSpecification"):
        if need.peek("ID") in (*classes, *units):
            need.text("ID")
    if len(set(classes)) != 1 or not classes[0]:
        raise Unreadable("EquipmentSpecification/EquipmentClassID", ", ".join(classes) or "none", "one class")
    batch = number(parameters.get("BatchSize", "1"))
    if batch is None or not batch.is_integer():
        raise Unreadable("ParameterSpecification BatchSize", repr(parameters["BatchSize"]), "a whole number")
    setup_s = number(parameters.get("SetupTime", "0"))
    if setup_s is None:
        raise Unreadable("ParameterSpecification SetupTime", repr(parameters["SetupTime"]), "seconds")
    return Segment(
        name=name, equipment_class=classes[0], work_units=tuple(dict.fromkeys(units)),
        time_s=_seconds(noun.text("Duration")), batch=int(batch), setup_s=setup_s, components=lines,
        skills=_named(noun, "PersonnelSpecification", "PersonnelClassID"),
        tools=_named(noun, "PhysicalAssetSpecification", "PhysicalAssetClassID"),
        segment="" if number_ == str(place) else number_,
    )  # fmt: skip


def _named(noun: Noun, kind: str, name: str) -> tuple[str, ...]:
    found = [each for need in noun.every(kind) for each in need.texts(name)]
    for need in noun.every(kind):
        if need.peek("ID") in found:
            need.text("ID")
    return tuple(dict.fromkeys(found))


def _parameters(noun: Noun) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in noun.every("ParameterSpecification"):
        name = each.peek("ID")
        if name in PARAMETERS:
            each.text("ID")
            found[name] = each.raw("Value/ValueString")
            if each.peek("Value/UnitOfMeasure") in ("s", "SEC"):
                each.text("Value/UnitOfMeasure")
            elif name == "SetupTime" and each.peek("Value/UnitOfMeasure"):
                raise Unreadable(
                    "ParameterSpecification SetupTime", each.peek("Value/UnitOfMeasure"), "seconds: s"
                )
            each.text("Value/DataType")
    return found


def _lines(noun: Noun, bills: Iterable[Noun]) -> tuple[Line, ...]:
    found: dict[str, Line] = {}
    for each in noun.every("MaterialSpecification"):
        if each.peek("MaterialUse") not in (CONSUMED, "Material Consumed", "Consumable"):
            continue  # what comes out is the definition's product; anything else is named as not used
        for path in ("ID", "MaterialUse"):
            each.text(path)
        _put(found, _line(each, each.text("MaterialDefinitionID"), "MaterialSpecification"))
    for bill in bills:
        for item in bill.every("OperationsMaterialBillItem"):
            name = item.text("ID")
            _put(found, _line(item, next(iter(item.texts("MaterialSpecificationID")), "") or name,
                              "OperationsMaterialBillItem"))  # fmt: skip
    return tuple(found.values())


def _put(found: dict[str, Line], line: Line) -> None:
    if found.setdefault(line.product, line) != line:
        raise Unreadable(
            f"quantity of {line.product}", f"{found[line.product].quantity} and {line.quantity}", "one"
        )


def _line(noun: Noun, product: str, place: str) -> Line:
    if not product:
        raise Unreadable(f"{place}/MaterialDefinitionID", "''", "the material")
    quantity = number(noun.text("Quantity/QuantityString"))
    noun.text("Quantity/DataType")
    if quantity is None:
        raise Unreadable(f"{place}/Quantity", repr(noun.text("Quantity/QuantityString")), "a number")
    return Line(product, quantity, noun.text("Quantity/UnitOfMeasure"))


def _follows(noun: Noun, before: str) -> None:
    """Let a dependency say what the order of segments says already; one that says otherwise is no routing."""
    for each in noun.every("SegmentDependency"):
        kind = each.peek("Dependency")
        named = {each.peek(name) for name in ("SegmentID", "ProcessSegmentID", "ProductSegmentID")} - {""}
        if kind != "AfterEnd" or named != {before}:
            raise Unreadable("SegmentDependency", f"{kind} {', '.join(sorted(named))}",
                             "AfterEnd of the segment before, or none")  # fmt: skip
        for path in ("ID", "Dependency", "SegmentID", "ProcessSegmentID", "ProductSegmentID"):
            each.text(path)


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise Unreadable("Duration", repr(text), "the standard time of a part, such as PT84S")
    days, hours, minutes, seconds = (float(each or 0) for each in found.groups())
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds


def show_operations_definitions(
    found: Iterable[ProductDefinition], *, sender: str, at_ns: int, verb: str = "Show"
) -> bytes:
    """Return definitions; read again they are the same. The schema wants at least one."""
    root, data = start(f"{verb}{NOUN}", sender=sender, at_ns=at_ns, bod=f"{sender}-definitions-{at_ns}",
                       verb=verb)  # fmt: skip
    for each in found:
        definition = add(data, NOUN)
        add(definition, "ID", each.product)
        if each.name:
            add(definition, "Description", each.name)
        if each.version:
            add(definition, "Version", each.version)
        if each.effective_ns:
            add(definition, "EffectiveStartDate", rfc3339(each.effective_ns))
        if each.until_ns:
            add(definition, "EffectiveEndDate", rfc3339(each.until_ns))
        add(definition, "OperationsType", "Production")
        for place, segment in enumerate(each.segments, start=1):
            _add_segment(definition, each, segment, place)
    return written(root)


def _add_segment(parent: Element, whole: ProductDefinition, each: Segment, place: int) -> None:
    segment = add(parent, "OperationsSegment")
    add(segment, "ID", each.segment or str(place * STEP))
    add(segment, "Description", each.name)
    add(segment, "OperationsType", "Production")
    add(segment, "Duration", f"PT{_plain(each.time_s)}S")
    parameters = {"BatchSize": str(each.batch), "SetupTime": repr(each.setup_s)}
    if place == 1:
        if whole.setup_family is not None:
            parameters["SetupFamily"] = whole.setup_family
        if whole.serialised is not None:
            parameters["Serialised"] = str(whole.serialised).lower()
    for name, text in parameters.items():
        parameter = add(segment, "ParameterSpecification")
        add(parameter, "ID", name)
        value = add(parameter, "Value")
        add(value, "ValueString", text)
        if name == "SetupTime":
            add(value, "UnitOfMeasure", "s")
    for skill in each.skills:
        need = add(segment, "PersonnelSpecification")
        add(need, "ID", skill)
        add(need, "PersonnelClassID", skill)
    place_ = add(segment, "EquipmentSpecification")
    add(place_, "ID", each.equipment_class)
    add(place_, "EquipmentClassID", each.equipment_class)
    for unit in each.work_units:
        add(place_, "EquipmentID", unit)
    for tool in each.tools:
        need = add(segment, "PhysicalAssetSpecification")
        add(need, "ID", tool)
        add(need, "PhysicalAssetClassID", tool)
    for line in each.components:
        material(segment, "MaterialSpecification", line.product, "", CONSUMED, line.quantity, unit=line.unit)


def _plain(seconds: float) -> str:
    """Return seconds as a duration writes them: no exponent."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") if "e" in repr(seconds) else repr(seconds)
