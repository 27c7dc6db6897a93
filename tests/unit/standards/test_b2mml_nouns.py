"""Every noun: what we write we read to the same values, what we say is valid, and no message does harm."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from taktwin.standards import b2mml
from taktwin.standards.b2mml import (
    B2mmlError,
    DefinitionIn,
    EventOut,
    JobIn,
    JobOut,
    JobResponse,
    Line,
    LotOut,
    NotRead,
    OrderOut,
    ProductDefinition,
    Segment,
    SegmentOut,
    Verdict,
)
from tests.support_b2mml import valid

few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
AT_NS = 1_800_000_000_000_000_000
ORDER = OrderOut("88263", "EA-100", 310, AT_NS, 2, "Lund", "Released")

# Identifiers have no white space around them; texts may have whatever XML can say.
name = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cn", "Co"]).filter(
        lambda letter: letter in "\t\n\r" or (ord(letter) >= 0x20 and letter not in "\ufffe\uffff")
    ),
    max_size=20,
)
instant = st.just(0) | st.integers(1, 4_000_000_000_000_000_000)
positive = st.floats(0, 1e9, allow_nan=False)
amounts = st.dictionaries(st.tuples(name, st.just("") | name), positive, max_size=3)
shares = st.dictionaries(name, positive, max_size=3)
jobs = st.builds(
    JobOut, job=name, name=words, product=name, quantity=st.integers(0, 10**6), priority=st.integers(-9, 99),
    state=st.sampled_from(("", "Ready", "Waiting")), equipment=st.just("") | name, begin_ns=st.just(AT_NS),
    end_ns=st.integers(AT_NS + 1, AT_NS + 10**15), version=st.integers(0, 99), definition=st.just("") | name,
)  # fmt: skip
responses = st.builds(
    JobResponse, job=name, name=words, product=name, definition=st.just("") | name,
    state=st.sampled_from(("Running", "Completed")), started_ns=instant, ended_ns=instant,
    good=st.integers(0, 10**6), scrap=st.integers(0, 99), units=st.lists(name, max_size=3).map(tuple),
    equipment=shares, people=shares, consumed=amounts,
)  # fmt: skip
segments_out = st.builds(
    SegmentOut, segment=name, name=words, state=st.just("Running"), equipment=st.just("") | name,
    started_ns=instant, ended_ns=instant, good=st.integers(0, 10**6), scrap=st.integers(0, 99),
    consumed=amounts,
)  # fmt: skip
lots = st.builds(
    LotOut, lot=name, product=name, quantity=positive, disposition=st.just("UnRestricted"),
    places=st.dictionaries(name, positive, max_size=2),
)  # fmt: skip
events = st.builds(
    EventOut, sequence=st.integers(1, 2**40), event_type=st.sampled_from(("unit.held", "stop.begun")),
    category=st.just("hold"), subject=name, time_ns=st.integers(0, AT_NS), recorded_ns=st.integers(0, AT_NS),
    source=name, work_unit=st.just("") | name, alert=st.booleans(), operations_type=st.just("Quality"),
    function=st.just("Tracking"), fields=st.dictionaries(name, words, max_size=3),
)  # fmt: skip
lines = st.lists(st.builds(Line, product=name, quantity=positive, unit=st.sampled_from(("", "mL"))),
                 max_size=3, unique_by=lambda line: line.product).map(tuple)  # fmt: skip
names = st.lists(name, max_size=2, unique=True).map(tuple)
segments = st.builds(
    Segment, name=words.filter(str), equipment_class=name, work_units=names,
    time_s=st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000), batch=st.integers(1, 99),
    setup_s=positive, components=lines, skills=names, tools=names,
)  # fmt: skip
definitions = st.builds(
    ProductDefinition, product=name, version=st.just("") | name, name=words, effective_ns=instant,
    until_ns=instant, serialised=st.booleans(), setup_family=words,
    segments=st.lists(segments, min_size=1, max_size=3).map(tuple),
)  # fmt: skip


@few
@given(st.lists(jobs, min_size=1, max_size=3), st.sampled_from(("Show", "Sync", "Process")))
def test_job_orders_are_read_as_they_were_written(shown: list[JobOut], verb: str) -> None:
    message = b2mml.show_job_list(shown, schedule="SCH-1", sender="n", at_ns=AT_NS, verb=verb)
    assert b2mml.job_list(b2mml.read(message)) == tuple(JobIn(each) for each in shown)


@few
@given(st.lists(responses, min_size=1, max_size=3))
def test_job_responses_are_read_as_they_were_written(shown: list[JobResponse]) -> None:
    message = b2mml.show_work_performance(ORDER, shown, schedule="SCH-1", sender="n", at_ns=AT_NS)
    assert b2mml.read_work_performance(message) == tuple(shown)


@few
@given(st.lists(segments_out, min_size=1, max_size=3))
def test_segments_are_read_as_they_were_written(shown: list[SegmentOut]) -> None:
    message = b2mml.show_operations_performance(ORDER, shown, sender="n", at_ns=AT_NS)
    assert b2mml.read_operations_performance(message) == tuple(shown)


@few
@given(st.lists(lots, min_size=1, max_size=3))
def test_lots_are_read_as_they_were_written(shown: list[LotOut]) -> None:
    assert b2mml.read_material_lots(b2mml.show_material_lots(shown, sender="n", at_ns=AT_NS)) == shown


@few
@given(st.lists(events, min_size=1, max_size=3))
def test_events_are_read_as_they_were_written(shown: list[EventOut]) -> None:
    message = b2mml.notify_operations_events(shown, sender="n", at_ns=AT_NS)
    assert b2mml.read_operations_events(message) == tuple(shown)


@few
@given(st.lists(definitions, min_size=1, max_size=3), st.sampled_from(("Show", "Sync", "Process")))
def test_definitions_are_read_as_they_were_written(shown: list[ProductDefinition], verb: str) -> None:
    message = b2mml.show_operations_definitions(shown, sender="n", at_ns=AT_NS, verb=verb)
    assert b2mml.definitions(b2mml.read(message)) == tuple(DefinitionIn(each) for each in shown)


@few
@given(words)
@example("a\rb\r\nc\n")  # a reader of XML makes a line feed of a carriage return that is written as one
def test_what_xml_has_no_letter_for_leaves_the_message_whole(text: str) -> None:
    job = JobOut("1-10", f"{text}\0\x08\ufffe", "P", 1, 0, "", "", 0, 0, 1)
    message = b2mml.show_job_list([job], schedule="S", sender="n", at_ns=AT_NS)
    (found,) = b2mml.job_list(b2mml.read(message))
    assert isinstance(found, JobIn) and found.job.name == f"{text}\ufffd\ufffd\ufffd"


# An ERP's own

LIST = """<SyncJobList xmlns="http://www.mesa.org/xml/B2MML" releaseID="0701">
  <ApplicationArea><CreationDateTime>2026-11-20T10:00:00Z</CreationDateTime><BODID>7</BODID></ApplicationArea>
  <DataArea><Sync/><JobList><ID>L</ID>
    <JobOrder><ID>1-10</ID><StartTime>2026-12-24T14:00:00+01:00</StartTime>
      <EndTime>2026-12-24T15:00:00+01:00</EndTime><Priority>3</Priority>
      <PersonnelRequirement><ID>p</ID><PersonID>P07</PersonID></PersonnelRequirement>
      <EquipmentRequirement><ID>e</ID><EquipmentID>load2</EquipmentID></EquipmentRequirement></JobOrder>
    <JobOrder><ID>1-20</ID><StartTime>tomorrow</StartTime></JobOrder>
  </JobList></DataArea></SyncJobList>"""
DEFINITION = """<ProcessOperationsDefinitionInformation
  xmlns="http://www.mesa.org/xml/B2MML" releaseID="0701">
  <ApplicationArea><CreationDateTime>2026-11-20T10:00:00Z</CreationDateTime><BODID>8</BODID></ApplicationArea>
  <DataArea><Process/><OperationsDefinitionInformation><ID>I</ID>
    <OperationsDefinition><ID>PU-1</ID><Description>Pump</Description><Version>B</Version>
      <EffectiveStartDate>2026-12-01T00:00:00Z</EffectiveStartDate><OperationsType>Production</OperationsType>
      <OperationsSegment><ID>a</ID><Duration>PT1M24.5S</Duration><ProcessSegmentID>Turn</ProcessSegmentID>
        <EquipmentSpecification><ID>x</ID><EquipmentClassID>lathe</EquipmentClassID></EquipmentSpecification>
      </OperationsSegment>
      <OperationsSegment><ID>b</ID><Description>Wash</Description><Duration>PT38S</Duration>
        <EquipmentSpecification><ID>x</ID><EquipmentClassID>washer</EquipmentClassID></EquipmentSpecification>
        <SegmentDependency><ID>d</ID><Dependency>AfterEnd</Dependency><SegmentID>a</SegmentID></SegmentDependency>
      </OperationsSegment>
      <OperationsMaterialBillID>M</OperationsMaterialBillID>
    </OperationsDefinition>
    <OperationsMaterialBill><ID>M</ID><OperationsMaterialBillItem><ID>ST-42</ID><Quantity>
      <QuantityString>2.4</QuantityString><DataType>double</DataType><UnitOfMeasure>kg</UnitOfMeasure>
      </Quantity></OperationsMaterialBillItem></OperationsMaterialBill>
  </OperationsDefinitionInformation></DataArea></ProcessOperationsDefinitionInformation>"""


def test_a_job_list_of_an_erp_is_read_each_job_order_by_itself() -> None:
    good, bad = b2mml.job_list(b2mml.read(LIST.encode()))
    assert isinstance(good, JobIn) and isinstance(bad, NotRead)
    job = good.job
    assert (job.job, job.equipment, job.priority) == ("1-10", "load2", 3)
    assert (job.begin_ns, job.end_ns) == (1_798_117_200_000_000_000, 1_798_120_800_000_000_000)
    assert (
        good.remark
        == "not used: PersonnelRequirement/ID, PersonnelRequirement/PersonID, EquipmentRequirement/ID"
    )
    assert (bad.request, bad.place, bad.found) == ("1-20", "JobList[1]/JobOrder[2]/StartTime", "'tomorrow'")


def test_a_definition_of_an_erp_is_read_with_its_bill() -> None:
    (found,) = b2mml.definitions(b2mml.read(DEFINITION.encode()))
    assert isinstance(found, DefinitionIn)
    made = found.definition
    assert (made.product, made.version, made.name) == ("PU-1", "B", "Pump")
    assert [(each.name, each.equipment_class, each.time_s) for each in made.segments] == [
        ("Turn", "lathe", 84.5), ("Wash", "washer", 38.0),
    ]  # fmt: skip
    assert made.segments[0].components == (Line("ST-42", 2.4, "kg"),), "the whole bill goes in first"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("PT1M24.5S", "P1Y", "OperationsSegment[1]/Duration"),
        ("PT1M24.5S", "P", "OperationsSegment[1]/Duration"),
        ("PT1M24.5S", "84", "OperationsSegment[1]/Duration"),
        (">AfterEnd<", ">AtStart<", "OperationsSegment[2]/SegmentDependency"),
        ("<SegmentID>a<", "<SegmentID>z<", "OperationsSegment[2]/SegmentDependency"),
        ("<EquipmentClassID>washer</EquipmentClassID>", "", "EquipmentClassID"),
        ("<OperationsMaterialBillID>M<", "<OperationsMaterialBillID>N<", "OperationsMaterialBillID"),
        (">2.4<", ">some<", "OperationsMaterialBillItem/Quantity"),
        ("2026-12-01T00:00:00Z", "2026-12-01", "EffectiveStartDate"),
        ("<ID>PU-1</ID>", "<ID/>", "ID"),
    ],
)
def test_a_definition_that_cannot_be_read_is_named_with_its_place(old: str, new: str, place: str) -> None:
    assert old in DEFINITION
    try:
        (found,) = b2mml.definitions(b2mml.read(DEFINITION.replace(old, new).encode()))
    except B2mmlError as error:
        assert old.startswith("<OperationsMaterialBillID>") and "M" in error.found
        return
    assert isinstance(found, NotRead) and place in found.place, found


def test_a_bill_that_no_definition_names_is_not_lost_in_silence() -> None:
    lost = DEFINITION.replace("<OperationsMaterialBillID>M</OperationsMaterialBillID>", "")
    with pytest.raises(B2mmlError) as refused:
        b2mml.definitions(b2mml.read(lost.encode()))
    assert refused.value.place == "OperationsMaterialBill" and "M" in refused.value.found


def test_the_elements_of_others_are_named() -> None:
    more = LIST.replace(
        "<Priority>3<", '<Priority>3</Priority><x:Colour xmlns:x="urn:x">red</x:Colour><Priority>3<'
    )
    good, _ = b2mml.job_list(b2mml.read(more.encode()))
    assert isinstance(good, JobIn) and "Colour" in good.remark and "Priority" in good.remark


# Attacks


def deep(levels: int) -> str:
    """Return a job list whose only job order is so deep."""
    inner = "<JobOrder>" * levels + "</JobOrder>" * levels
    return LIST[: LIST.index("<JobOrder>")] + inner + "</JobList></DataArea></SyncJobList>"


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + LIST.replace(">L<", ">&b;<")
EBCDIC = b'<?xml version="1.0" encoding="cp037"?>' + LAUGHS.encode("cp037")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (LAUGHS.encode(), "a document type"),
        (LAUGHS.replace("DOCTYPE", "doctype").encode(), "a document type"),
        (LIST.replace(">L<", ">&a;<").encode(), "undefined entity"),
        (EBCDIC, ""),
        (b'<?xml version="1.0" encoding="latin-1"?>' + LIST.encode(), "latin-1"),
        (LAUGHS.encode("utf-16"), "UTF-8"),
        (deep(65).encode(), "elements in each other"),
        (deep(100_000).encode(), "elements in each other"),
        (b"<SyncJobList><DataArea/></SyncJobList>", "SyncJobList"),
        (LIST.replace("SyncJobList", "DanceJobList").encode(), "DanceJobList"),
        (LIST.replace("SyncJobList", "ProcessHats").encode(), ""),
        (LIST.replace("<DataArea>", "<DataArea><JobList/>").replace("<JobOrder>", "<Job>").replace(
            "</JobOrder>", "</Job>").encode(), "no JobOrder"),
    ],
)  # fmt: skip
def test_a_message_that_would_do_harm_or_is_none_is_refused(payload: bytes, words: str) -> None:
    with pytest.raises(B2mmlError) as refused:
        b2mml.job_list(b2mml.read(payload))
    assert words in f"{refused.value.place} {refused.value.found} {refused.value.right}", refused.value
    assert len(refused.value.found) < 300


def test_an_answer_is_short_where_what_was_said_is_long() -> None:
    long = LIST.replace(">tomorrow<", f">{'x' * 100_000}<").replace("PersonnelRequirement", "P" * 100_000)
    good, bad = b2mml.job_list(b2mml.read(long.encode()))
    assert isinstance(good, JobIn) and isinstance(bad, NotRead)
    assert len(good.remark) < 1000 and len(bad.found) <= 200


def test_more_elements_than_any_message_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taktwin.standards.b2mml.message.ELEMENTS_MAX", 20)
    with pytest.raises(B2mmlError, match="more than 20 elements"):
        b2mml.read(LIST.encode())


# The official schema


def test_all_nouns_that_we_say_are_valid_by_the_official_schema() -> None:
    response = JobResponse(
        "1-10", "Load", "EA-100", "B", "Running", AT_NS, 0, 3, 1, ("A1", "A2"), {"load2": 12.5},
        {"P07": 3600.0}, {("AD-3", "L1"): 28.5, ("HS-1", ""): 1.0},
    )  # fmt: skip
    work = b2mml.show_work_performance(ORDER, [response], schedule="unplanned", sender="n", at_ns=AT_NS)
    valid(work)
    event = EventOut(7, "unit.held", "hold", "A1", AT_NS, AT_NS, "P07", "load2", True, "Quality",
                     "Execution management", {"unit": '"A1"', "cause": '"<crack>"'})  # fmt: skip
    valid(b2mml.notify_operations_events([event], sender="n", at_ns=AT_NS))
    product = ProductDefinition(
        "PU-1", "B", "Pump", AT_NS, AT_NS + 1, True, "100",
        (Segment("Turn", "lathe", ("turn1",), 84.5, 24, 720.0, (Line("ST-42", 2.4, "kg"),), ("machinist",),
                 ("insert",)), Segment("Wash", "washer")),
    )  # fmt: skip
    for verb in ("Show", "Sync", "Process"):
        valid(b2mml.show_operations_definitions([product], sender="n", at_ns=AT_NS, verb=verb))  # fmt: skip
        job = JobOut("1-10", "Load", "EA-100", 3, -1, "Ready", "load2", AT_NS, AT_NS + 7, 4, "B")
        valid(b2mml.show_job_list([job], schedule="S", sender="n", at_ns=AT_NS, verb=verb))  # fmt: skip


def test_what_an_erp_sends_here_is_valid_and_so_is_each_answer() -> None:
    for text in (LIST.replace(">tomorrow<", ">2026-12-24T14:00:00Z<"), DEFINITION):
        valid(text)
        verdicts = [Verdict("1", True, remark="not used: <Colour>"), Verdict("", False, "invalid", "no <ID>")]
        answer = b2mml.acknowledge(b2mml.read(text.encode()), verdicts, sender="n", at_ns=AT_NS)
        valid(answer)
        assert b'actionCode="Accepted">1<' in answer and b"not used: &lt;Colour&gt;" in answer
    from xmlschema import XMLSchemaException

    with pytest.raises(XMLSchemaException):
        valid(LIST.replace("<Priority>", "<Rank>").replace("</Priority>", "</Rank>"))
