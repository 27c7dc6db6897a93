"""The structures of job control against the companion specification's own file, and broken bytes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from asyncua import ua

from taktwin.faces import job_receiver, job_structures
from taktwin.faces.job_list import Job, Order
from taktwin.faces.job_structures import (
    STRUCTURES,
    ISA95JobOrderAndStateDataType,
    ISA95JobOrderDataType,
    ISA95JobResponseDataType,
    ISA95MaterialDataType,
    ISA95PropertyDataType,
    ISA95WorkMasterDataType,
    NotThat,
    definition,
    packed,
    unpacked,
)
from taktwin.standards.job_control import State, SubState

NODE_SET = (
    Path(__file__).resolve().parents[3].parent
    / "shared/standards/opcua/ISA95-JOBCONTROL/opc.ua.isa95-jobcontrol.nodeset2.xml"
)  # fmt: skip
TAG = "{http://opcfoundation.org/UA/2011/03/UANodeSet.xsd}"
needs_file = pytest.mark.skipif(not NODE_SET.exists(), reason="needs ../shared: the NodeSet of job control")


@needs_file
def test_structures_are_those_of_the_specification() -> None:
    root = ElementTree.parse(NODE_SET).getroot()
    alias = {each.get("Alias"): each.text for each in root.iter(f"{TAG}Alias")}
    described = {}
    for node in root.iter(f"{TAG}UADataType"):
        fields = [
            (
                each.get("Name"), alias.get(each.get("DataType"), "i=24"), int(each.get("ValueRank", "-1")),
                each.get("IsOptional") == "true",
            )
            for each in node.iter(f"{TAG}Field")
        ]  # fmt: skip
        encodings = [r.text for r in node.iter(f"{TAG}Reference") if r.get("ReferenceType") == "HasEncoding"]
        described[node.get("BrowseName")] = (node.get("NodeId"), encodings[0], fields)
    ours = {}
    for kind in STRUCTURES:
        made = definition(kind, 1)
        fields = [(f.Name, f.DataType.to_string(), f.ValueRank, f.IsOptional) for f in made.Fields]
        names = (f"ns=1;i={kind.data_type}", f"ns=1;i={kind.encoding}")
        ours[f"1:{kind.__name__}"] = (*names, fields)
    assert ours == described
    assert root.find(f"{TAG}NamespaceUris/{TAG}Uri").text == job_structures.NAMESPACE  # type: ignore[union-attr]


@needs_file
def test_methods_states_and_types_have_the_ids_of_the_specification() -> None:
    root = ElementTree.parse(NODE_SET).getroot()
    methods = {
        node.get("BrowseName"): node.get("NodeId")
        for node in root.iter(f"{TAG}UAMethod")
        if node.get("ParentNodeId") == f"ns=1;i={job_receiver.RECEIVER_TYPE}"
    }
    assert methods == {f"1:{m.value}": f"ns=1;i={i}" for m, i in job_receiver.METHOD_IDS.items()}
    nodes = {node.get("NodeId"): node.get("BrowseName") for node in root if node.get("NodeId")}
    for state, number in job_receiver.STATE_IDS.items():
        assert nodes[f"ns=1;i={number}"] == f"1:{state.value}"
    for number, name in (
        (job_receiver.RECEIVER_TYPE, "ISA95JobOrderReceiverObjectType"),
        (job_receiver.PROVIDER_TYPE, "ISA95JobResponseProviderObjectType"),
        (job_receiver.EVENT_TYPE, "ISA95JobOrderStatusEventType"),
    ):
        assert nodes[f"ns=1;i={number}"] == f"1:{name}"


def order() -> ISA95JobOrderDataType:
    inner = ISA95PropertyDataType(ID=ua.String("b"), Value=ua.Variant("x"))
    outer = ISA95PropertyDataType(ID=ua.String("a"), Value=ua.Variant(3), Subproperties=[inner])
    return ISA95JobOrderDataType(
        JobOrderID=ua.String("A-10"), Priority=ua.Int16(3),
        WorkMasterID=[ISA95WorkMasterDataType(ID=ua.String("EA-100/10"))],
        MaterialRequirements=[
            ISA95MaterialDataType(
                MaterialDefinitionID=ua.String("EA-100"), MaterialUse=ua.String("Material Produced"),
                Quantity=ua.String("12"), Properties=[outer],
            )
        ],
    )  # fmt: skip


def test_what_is_packed_comes_back() -> None:
    said = packed(order(), 4)
    assert said.TypeId == ua.NodeId(5014, 4)
    assert unpacked(ISA95JobOrderDataType, said, 4) == order()
    known = job_receiver.order_of(order())
    assert (known.job, known.product, known.quantity) == ("A-10", "EA-100", 12)


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_torn_bytes_are_no_job_order(cut: int) -> None:
    said = packed(order(), 4)
    assert said.Body is not None
    torn = ua.ExtensionObject(TypeId=said.TypeId, Body=said.Body[:cut])
    with pytest.raises(NotThat):
        unpacked(ISA95JobOrderDataType, torn, 4)


def test_another_structure_is_no_job_order() -> None:
    for found in (packed(order(), 5), packed(ISA95JobResponseDataType(), 4), None, "A", ua.ExtensionObject()):
        with pytest.raises(NotThat):
            unpacked(ISA95JobOrderDataType, found, 4)


@pytest.mark.parametrize("state", State, ids=str)
def test_a_state_is_said_and_heard_again(state: State) -> None:
    for sub_state in job_receiver.SUB_STATES[state]:
        said = job_receiver.states_of(state, sub_state, 4)
        whole = packed(ISA95JobOrderAndStateDataType(JobOrder=order(), State=said), 4)
        heard = unpacked(ISA95JobOrderAndStateDataType, whole, 4)
        assert job_receiver.state_of(heard.State) == (state, sub_state)
    assert [each.StateNumber for each in job_receiver.states_of(state, SubState.NONE, 4)] == [state.number]


def test_a_response_says_when_a_job_order_began_and_ended_and_what_became_of_it() -> None:
    job = Job(Order("A", "SH-100", 5), State.ENDED, SubState.COMPLETED, good=4, scrap=1,
              started_ns=1_781_503_200_123_456_789, ended_ns=1_781_503_260_000_000_000)  # fmt: skip
    said = job_receiver.response_of(job, 2)
    assert said.StartTime.isoformat() == "2026-06-15T06:00:00.123456+00:00"
    assert said.EndTime.isoformat() == "2026-06-15T06:01:00+00:00"
    assert [(each.ID, each.Value.Value) for each in said.JobResponseData] == [("Scrap", 1)]
    assert [(each.MaterialDefinitionID, each.Quantity) for each in said.MaterialActuals] == [("SH-100", "4")]
    waits = job_receiver.response_of(Job(Order("B"), State.ALLOWED_TO_START, SubState.READY), 2)
    assert (waits.StartTime, waits.EndTime) == (None, None)
