"""B2MML: what an ERP sends is read or refused by name, what we say is valid, and nothing is lost."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taktwin.standards import b2mml
from taktwin.standards.b2mml import (
    B2mmlError,
    JobOut,
    LotOut,
    NotRead,
    OrderIn,
    OrderOut,
    SegmentOut,
    Verdict,
)
from tests.support_b2mml import valid

AT_NS = 1_800_000_000_000_000_000
ORDER = OrderOut("88263", "EA-100", 310, AT_NS + 123_456_789, 2, "Lund & Söhne <AB>", "Released")
MESSAGE = """<?xml version="1.0" encoding="UTF-8"?>
<ProcessOperationsSchedule xmlns="http://www.mesa.org/xml/B2MML" releaseID="0701">
  <ApplicationArea><Sender><LogicalID>erp</LogicalID></Sender>
    <CreationDateTime>2026-11-20T10:00:00Z</CreationDateTime><BODID>77</BODID></ApplicationArea>
  <DataArea><Process/>
    <OperationsSchedule><ID>S1</ID>
      <OperationsRequest><ID>4711</ID>
        <EndTime>2026-12-24T14:00:00+01:00</EndTime><Priority>3</Priority>
        <SegmentRequirement><ID>1</ID><ProcessSegmentID>x</ProcessSegmentID>
          <OperationsDefinitionID>x</OperationsDefinitionID><OperationsSegmentID>x</OperationsSegmentID>
          <MaterialRequirement><ID>a</ID><MaterialDefinitionID>HS-1</MaterialDefinitionID>
            <MaterialUse>Consumed</MaterialUse></MaterialRequirement>
          <MaterialRequirement><ID>b</ID><MaterialDefinitionID>EA-100</MaterialDefinitionID>
            <MaterialUse>Produced</MaterialUse><Quantity><QuantityString>12.0</QuantityString>
            <DataType>double</DataType><UnitOfMeasure>EA</UnitOfMeasure></Quantity></MaterialRequirement>
        </SegmentRequirement></OperationsRequest>
    </OperationsSchedule></DataArea>
</ProcessOperationsSchedule>"""


def acting(*codes: str) -> str:
    """Return the message with these actions for its orders."""
    said = "".join(f'<ActionExpression actionCode="{code}"/>' for code in codes)
    return MESSAGE.replace("<Process/>", f"<Process><ActionCriteria>{said}</ActionCriteria></Process>")


def read(message: str) -> OrderIn | NotRead:
    """Return the only order of a message."""
    (found,) = b2mml.read_operations_schedule(message.encode()).requests
    return found


def test_an_order_of_an_erp_is_read() -> None:
    found = read(MESSAGE)
    assert isinstance(found, OrderIn)
    assert dataclasses.replace(found, remark="") == OrderIn(
        "4711", "EA-100", 12, 1_798_117_200_000_000_000, 3, ""
    )
    assert "SegmentRequirement/MaterialRequirement/MaterialDefinitionID" in found.remark, "what goes in"
    assert read(acting("Add")) == read(MESSAGE)
    found = read(acting("Change"))
    assert isinstance(found, OrderIn) and found.change


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("<QuantityString>12.0", "<QuantityString>12.5", "Quantity/QuantityString", "'12.5'"),
        ("<QuantityString>12.0", "<QuantityString>a dozen", "Quantity/QuantityString", "'a dozen'"),
        ("<QuantityString>12.0", "<QuantityString>nan", "Quantity/QuantityString", "'nan'"),
        ("<QuantityString>12.0", "<QuantityString>1_2", "Quantity/QuantityString", "'1_2'"),
        ("<QuantityString>12.0", "<QuantityString>1e999", "Quantity/QuantityString", "'1e999'"),
        (">EA<", ">KGM<", "Quantity/UnitOfMeasure", "'KGM'"),
        ("T14:00:00+01:00", "T14:00:00", "EndTime", "2026-12-24T14:00:00"),
        ("<Priority>3", "<Priority>high", "Priority", "'high'"),
        ("<ID>4711</ID>", "<ID> </ID>", "ID", "''"),
        (">Produced<", ">Consumed<", "MaterialRequirement", "0 that are Produced"),
        (">EA-100<", "><", "MaterialDefinitionID", "''"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(old: str, new: str, place: str, words: str) -> None:
    assert old in MESSAGE
    found = read(MESSAGE.replace(old, new))
    assert isinstance(found, NotRead), found
    assert found.place.startswith("OperationsSchedule[1]/OperationsRequest[1]/") and place in found.place
    assert words in found.found and found.right


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        (b"", "line 1"),
        (b"<a><b></a>", "line 1, column"),
        (MESSAGE.encode("utf-16"), "encoding"),
        (
            b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
            "document",
        ),
        (MESSAGE.replace("ProcessOperationsSchedule", "ProcessWorkSchedule").encode(), "root element"),
        (MESSAGE.replace("xml/B2MML", "xml/Other").encode(), "root element"),
        (MESSAGE.replace("DataArea", "Data").encode(), "ProcessOperationsSchedule"),
        (acting("Delete").encode(), "ActionExpression"),
        (acting("Add", "Change").encode(), "ActionExpression"),
        (MESSAGE.replace("OperationsRequest>", "Request>").encode(), "DataArea"),
    ],
)
def test_what_is_no_message_with_orders_is_refused_whole(payload: bytes, place: str) -> None:
    with pytest.raises(B2mmlError) as refused:
        b2mml.read_operations_schedule(payload)
    assert refused.value.place.startswith(place) and refused.value.right


text = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
orders_out = st.builds(
    OrderOut, request=text, product=text, quantity=st.integers(1, 1_000_000),
    due_ns=st.integers(0, 4_000_000_000_000_000_000), priority=st.integers(-5, 1000),
    customer=st.just("") | text, state=st.sampled_from(("Released", "Completed", "Cancelled")),
)  # fmt: skip


@given(st.lists(orders_out, min_size=1, max_size=4))
def test_what_is_shown_and_read_again_is_the_same_order(shown: list[OrderOut]) -> None:
    message = b2mml.show_operations_schedule(shown, sender="northfield", at_ns=AT_NS)
    again = b2mml.read_operations_schedule(message).requests
    assert again == tuple(
        OrderIn(o.request, o.product, o.quantity, o.due_ns, o.priority, o.customer, state=o.state)
        for o in shown
    )


def test_the_answer_repeats_the_message_and_says_what_became_of_each_order() -> None:
    schedule = b2mml.read_operations_schedule(MESSAGE.encode())
    answer = b2mml.acknowledge(
        schedule.message, [Verdict("4711", False, "unknown", "no such product")], sender="n", at_ns=AT_NS
    ).decode()
    for words in (
        "OriginalApplicationArea",
        'actionCode="Rejected">4711<',
        "no such product",
        ">HS-1<",
        ">77<",
    ):
        assert words in answer, words


def test_all_that_we_say_is_valid_by_the_official_schema() -> None:
    schedule = b2mml.read_operations_schedule(MESSAGE.encode())
    verdicts = [Verdict("4711", True), Verdict("4712", False, "invalid", "too many <parts>")]
    segments = [
        SegmentOut(
            "88263-10", "Load", "Completed", "load2", AT_NS, AT_NS + 5, 310, 2, {("AD-3", "L1"): 28.5}
        ),
        SegmentOut("88263-20", "Bond", "Waiting", "", 0, 0, 0, 0, {("HS-1", ""): 1.0}),
        *(
            SegmentOut(f"88263-{state}", "Bond", state, "press2", AT_NS, 0, 1, 0)
            for state in ("Ready", "Running", "Held", "Suspended", "Closed", "Aborted")
        ),
    ]
    valid(MESSAGE)
    valid(b2mml.acknowledge(schedule.message, verdicts, sender="n", at_ns=AT_NS).decode())
    valid(b2mml.show_operations_schedule([ORDER], sender="n", at_ns=AT_NS).decode())
    valid(b2mml.show_operations_performance(ORDER, segments, sender="n", at_ns=AT_NS).decode())
    states = ("Waiting", "Ready", "Running", "Held", "Suspended")
    jobs = [
        JobOut(f"1-{state}", "Bond <2>", "EA-100", 3, 0, state, "", 0, 0, 1) for state in states
    ] + [JobOut("1-10", "Load", "EA-100", 3, -1, "Ready", "load2", AT_NS, AT_NS + 7, 4)]  # fmt: skip
    valid(b2mml.show_job_list(jobs, schedule="SCH-3", sender="n", at_ns=AT_NS).decode())
    lots = [
        LotOut("L1", "AD-3", 28.5, "UnRestricted", {}),
        LotOut("L3", "AD-3", 2.5, "UnRestricted", {"a": 2.5}),
        LotOut("L2", "AD-3", 1.0, "Restricted", {"a": 0.25, "b": 0.75}),
    ]
    valid(b2mml.show_material_lots(lots, sender="n", at_ns=AT_NS).decode())
    from xmlschema import XMLSchemaException

    with pytest.raises(XMLSchemaException):
        valid(MESSAGE.replace("<EndTime>", "<Until>").replace("</EndTime>", "</Until>"))
