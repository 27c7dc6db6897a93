"""A job order begins where its machine holds what the product wants, and nowhere else."""

from __future__ import annotations

import msgspec
import pytest

from taktwin.contracts import commands, machine_commands
from taktwin.contracts.commands import BookLate, LateBooking, ReportMachineJobs, SaidJob
from taktwin.contracts.machine_commands import LoadParameters, MachineResult, Outcome, ReadBack
from taktwin.mes.desk import content_of, rebuilt
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.machines.actions import envelope
from taktwin.mes.machines.parameters import PATIENCE_NS, differing
from taktwin.mes.machines.tables import LoadedParameter, MachineOrder
from tests.unit.mes.conftest import Shop


@pytest.fixture
def ready(shop: Shop) -> Shop:
    """A job order that may start where parameters are loaded."""
    shop.granted(commands.DropOrder(request="O", product="EA-100", quantity=5, due_ns=shop.now_ns))
    for document in shop.definitions.documents.drafts().good:
        shop.instruct(document)
    row = shop.store.book.get(JobOrder, "O-40")
    assert row is not None
    shop.granted(commands.DispatchJob(job="O-40", work_unit="tighten2", version=row.version))
    shop.machines_obey = False
    return shop


def job(shop: Shop) -> JobOrder:
    row = shop.store.book.get(JobOrder, "O-40")
    assert row is not None
    return row


def says(shop: Shop, outcome: Outcome = Outcome.DONE, *, torque: float | None = 42.0) -> MachineResult:
    """Return what the machine says to the command that is open."""
    (row,) = shop.desk.open_commands()
    wish = machine_commands.content_of(envelope(row))
    assert isinstance(wish, LoadParameters)
    found = {"set/torque": torque, "set/angle": 68.0}
    values = [
        ReadBack(signal=each.signal, wanted=each.value, found=found[each.signal],
                 same=found[each.signal] == each.value)
        for each in wish.values
    ]  # fmt: skip
    return MachineResult(id=row.command, outcome=outcome, place="tighten2/set/torque", found=str(torque),
                         right="42.0", values=values if torque is not None else [])  # fmt: skip


def test_a_job_order_begins_once_the_machine_holds_its_parameters(ready: Shop) -> None:
    answer = ready.granted(commands.BeginJob(job="O-40"))
    assert answer.events == ["command.given"] and job(ready).state == "AllowedToStart"
    (row,) = ready.desk.open_commands()
    command = envelope(row)
    assert (command.actor, command.actor_type, command.reason) == ("P01", "human", "O-40 begins")
    assert (command.request, command.job, command.work_unit) == ("O", "O-40", "tighten2")
    wish = machine_commands.content_of(command)
    assert isinstance(wish, LoadParameters)
    assert {each.signal: each.value for each in wish.values} == {"set/angle": 68.0, "set/torque": 42.0}
    ready.desk.told(says(ready))
    assert job(ready).state == "Running"
    started = ready.store.entries[-1]
    assert (started.event_type, started.on_behalf_of) == ("job.order.started", "P01")
    torque = ready.store.book.get(LoadedParameter, "tighten2/set/torque")
    assert torque is not None and torque.same and (torque.wanted, torque.by) == (42.0, "P01")


def test_what_the_machine_holds_otherwise_keeps_the_job_order_waiting(ready: Shop) -> None:
    ready.granted(commands.BeginJob(job="O-40"))
    ready.desk.told(says(ready, Outcome.DIFFERS, torque=40.0))
    assert job(ready).state == "AllowedToStart"
    (wrong,) = differing(ready.store.book, "tighten2", "O-40")
    assert (wrong.parameter, wrong.wanted, wrong.found, wrong.unit_of_measure) == (
        "torque",
        42.0,
        40.0,
        "N.m",
    )
    ready.granted(commands.BeginJob(job="O-40"))  # somebody has put the machine right, and tries again
    ready.desk.told(says(ready))
    assert job(ready).state == "Running" and not differing(ready.store.book, "tighten2", "O-40")


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.DONE])
def test_nothing_begins_on_any_other_word_of_the_machine(ready: Shop, outcome: Outcome) -> None:
    ready.granted(commands.BeginJob(job="O-40"))
    ready.desk.told(says(ready, outcome, torque=None))
    assert job(ready).state == "AllowedToStart"
    row = ready.store.book.where(MachineOrder)[0]
    assert row.outcome == outcome and row.found == "None"
    assert len(differing(ready.store.book, "tighten2", "O-40")) == 2


def test_who_asks_again_while_they_are_loaded_is_told_so(ready: Shop) -> None:
    ready.granted(commands.BeginJob(job="O-40"))
    again = ready.ask(commands.BeginJob(job="O-40"))
    assert (again.accepted, again.code, again.found) == (False, "not_ready", "being loaded for O-40")
    assert len(ready.desk.open_commands()) == 1
    ready.now_ns += PATIENCE_NS + 2_000_000_000  # nobody answered: it is late, and may be tried again
    ready.granted(commands.BeginJob(job="O-40"))


def test_who_may_not_begin_loads_nothing(ready: Shop) -> None:
    ready.granted(commands.ControlJob(job="O-40", method="RevokeStart"))
    refused = ready.ask(commands.BeginJob(job="O-40"))
    assert (refused.accepted, refused.code) == (False, "state")
    assert not ready.desk.open_commands()


def test_a_job_order_that_was_taken_back_meanwhile_does_not_begin(ready: Shop) -> None:
    ready.granted(commands.BeginJob(job="O-40"))
    done = says(ready)
    ready.granted(commands.ControlJob(job="O-40", method="RevokeStart"))
    ready.desk.told(done)
    assert job(ready).state == "NotAllowedToStart"
    assert ready.store.book.where(MachineOrder)[0].outcome == "done"
    ready.granted(commands.ControlJob(job="O-40", method="Cancel"))


def test_the_same_touch_twice_loads_once(ready: Shop) -> None:
    first = ready.ask(commands.BeginJob(job="O-40"), command_id="touch")
    assert ready.ask(commands.BeginJob(job="O-40"), command_id="touch") == first
    assert len(ready.desk.open_commands()) == 1


def test_the_tables_follow_from_the_journal(ready: Shop) -> None:
    ready.granted(commands.BeginJob(job="O-40"))
    ready.desk.told(says(ready, Outcome.DIFFERS, torque=40.0))
    again = rebuilt(ready.store.entries)
    for kind in (MachineOrder, LoadedParameter, JobOrder):
        assert again.where(kind) == ready.store.book.where(kind)
    assert [content_of(each).event_type for each in ready.store.entries[-3:]] == [
        "command.failed", "equipment.parameter.written", "equipment.parameter.written",
    ]  # fmt: skip


def turn(shop: Shop) -> None:
    """Let the job order begin, pause, and another one of the same cell run in between."""
    shop.granted(commands.BeginJob(job="O-40"))
    shop.desk.told(says(shop))
    shop.granted(commands.ControlJob(job="O-40", method="Pause"))
    shop.granted(commands.DropOrder(request="P", product="EA-100", quantity=5, due_ns=shop.now_ns))
    shop.granted(commands.DispatchJob(job="P-40", work_unit="tighten2", version=1))
    shop.granted(commands.BeginJob(job="P-40"))
    shop.desk.told(says(shop))
    shop.granted(commands.ControlJob(job="P-40", method="Pause"))


def test_who_resumes_what_was_only_paused_waits_for_nothing(ready: Shop) -> None:
    ready.granted(commands.BeginJob(job="O-40"))
    ready.desk.told(says(ready))
    ready.granted(commands.ControlJob(job="O-40", method="Pause"))
    assert ready.granted(commands.ControlJob(job="O-40", method="Resume")).events == ["job.order.resumed"]


def test_who_resumes_after_another_one_ran_there_has_the_parameters_loaded_first(ready: Shop) -> None:
    turn(ready)
    assert ready.granted(commands.ControlJob(job="O-40", method="Resume")).events == ["command.given"]
    assert job(ready).state == "Interrupted"
    ready.desk.told(says(ready, Outcome.DIFFERS, torque=40.0))
    assert job(ready).state == "Interrupted", "not with what the other one had"
    ready.granted(commands.ControlJob(job="O-40", method="Resume"))
    ready.desk.told(says(ready))
    assert job(ready).state == "Running"
    assert rebuilt(ready.store.entries).where(LoadedParameter) == ready.store.book.where(LoadedParameter)


def test_a_machine_that_begins_by_itself_without_its_parameters_is_paused_and_it_is_said_why(
    ready: Shop,
) -> None:
    said = SaidJob(job="O-40", state="Running", sub_state="")
    answer = ready.granted(ReportMachineJobs(work_unit="tighten2", reachable=True, jobs=[said]))
    assert answer.events[-2:] == ["job.order.started", "command.given"], "what it does is written down"
    (row,) = ready.desk.open_commands()
    assert (row.name, row.job) == ("job.control", "O-40") and '"Pause"' in row.content
    assert row.why == "O-40 runs at tighten2 by itself, and its parameters are not loaded"
    again = ready.granted(ReportMachineJobs(work_unit="tighten2", reachable=True, jobs=[said]))
    assert again.events == [], "asked once"
    paused = {"state": "Interrupted", "sub_state": "Suspended"}
    ready.desk.told(MachineResult(id=row.command, outcome=Outcome.DONE, returned=paused))
    assert job(ready).state == "Interrupted"
    ready.granted(commands.ControlJob(job="O-40", method="Resume"))
    assert [each.name for each in ready.desk.open_commands()] == ["parameters.load"]
    ready.desk.told(says(ready))
    assert [each.name for each in ready.desk.open_commands()] == ["job.control"], "held: now it may go on"
    (row,) = ready.desk.open_commands()
    ready.desk.told(MachineResult(id=row.command, outcome=Outcome.DONE, returned={"state": "Running"}))
    assert job(ready).state == "Running" and not ready.desk.open_commands(), "loaded, so nobody pauses it"


def test_a_machine_that_begins_by_itself_with_what_was_loaded_for_it_goes_on(ready: Shop) -> None:
    ready.granted(ReportMachineJobs(work_unit="tighten2", reachable=True, jobs=[]))
    ready.granted(commands.BeginJob(job="O-40"))
    ready.desk.told(says(ready))
    (row,) = ready.desk.open_commands()
    ready.desk.told(MachineResult(id=row.command, outcome=Outcome.DONE, returned={"state": "Running"}))
    assert job(ready).state == "Running" and not ready.desk.open_commands()


@pytest.mark.parametrize("loaded", [False, True])
def test_without_the_server_nothing_begins_whose_parameters_nobody_has_loaded(
    ready: Shop, loaded: bool
) -> None:
    wish: commands.CommandData = commands.BeginJob(job="O-40")
    if loaded:
        ready.granted(wish)
        ready.desk.told(says(ready))
        ready.granted(commands.ControlJob(job="O-40", method="Pause"))
        wish = commands.ControlJob(job="O-40", method="Resume")
    ready.now_ns += 10_000_000_000
    booking = LateBooking(id="late-0001", sequence=1, name=wish.command_name, at_ns=ready.now_ns,
                          data=msgspec.Raw(msgspec.json.encode(wish)))  # fmt: skip
    (became,) = ready.desk.book_late("P01", BookLate(terminal="T-1", first=1, bookings=[booking]))
    assert became.state == ("booked" if loaded else "look"), became
    assert job(ready).state == ("Running" if loaded else "AllowedToStart")
    assert loaded or "parameters of tighten2" in became.reason
    assert not ready.desk.open_commands()
