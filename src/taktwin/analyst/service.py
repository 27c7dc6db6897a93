"""The analyst talks: hears the machines, asks historian and twin, tells the ledger.

It learns at its start and once a day, in the shadow. In each round it predicts for every subject and
publishes that; where a class of proposals finds a prediction worth it, it asks what-if for proof. Who is
away makes it silent, and it says so; it holds up nobody, and it has no account that could ask for anything
to be done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from taktwin.analyst import advice, counterfactual, proving, training
from taktwin.analyst.alert_budget import Budget
from taktwin.analyst.engine import Analyst, Standing
from taktwin.analyst.features import Subject, Tape, Trace
from taktwin.analyst.model import Model, NotEnough, Prediction, load_all
from taktwin.analyst.model import usable as usable_models
from taktwin.analyst.model_store import LIVE, Kept, ModelStore, NotPromoted, taken
from taktwin.analyst.promises import Promises
from taktwin.analyst.proposal import NotYet, ProposalClass
from taktwin.analyst.proposal import usable as usable_classes
from taktwin.analyst.remembering import FACTS, remember, told
from taktwin.analyst.watch import drifting
from taktwin.bus.port import Bus, Message
from taktwin.clock import Clock
from taktwin.contracts import recommendation, samples, state, topics
from taktwin.contracts.analyst import (
    OWNER,
    PREDICTION,
    PREDICTIONS,
    PROMOTE,
    STATUS,
    UNMEASURED,
    ModelDocument,
    Predicted,
    Promote,
    Promoted,
    Status,
    Unmeasured,
)
from taktwin.contracts.recommendation import (
    AdviceMessage,
    Answer,
    Assess,
    Check,
    ClassRecord,
    Declare,
    Inbox,
    Measure,
    Outcome,
    Propose,
    Recommendation,
    State,
    Withdraw,
    Words,
)
from taktwin.contracts.state import Health
from taktwin.contracts.whatif import (
    COMPARE,
    REPLAY,
    Comparison,
    Question,
    Replay,
    ReplayQuestion,
    Scenario,
)
from taktwin.contracts.whatif import OWNER as WHATIF
from taktwin.entropy import unique_id
from taktwin.errors import BusError
from taktwin.history.client import HistoryClient
from taktwin.identity import SignalId
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.plant.routes import stand_ins, work_units_of
from taktwin.quality import Quality
from taktwin.stopping import until

COMPONENT = OWNER
ROUND_S = 120.0  # plant time between two rounds
PAST_S = 21 * 86_400.0  # that is learnt from
LEARN_EVERY_NS = 86_400 * SECOND_NS
LOOK_EVERY_NS = 3600 * SECOND_NS  # whether a version drifts
ROUND_WALL_S = 1.0  # at least between two rounds, however fast the plant runs
REST_S = 60.0  # plant time that the twin is left to others between two questions
REST_WALL_S = 1.0  # at least, however fast the plant runs
PROOF_S = 25.0  # wall time that the twin may take for one question
PATIENCE_NS = 2 * 3600 * SECOND_NS  # so long a measured effect waits for a twin that does not answer
LEDGER_S = 5.0
GENERIC = Question(scenarios=[Scenario(name="as it is", changes=list(proving.UNMOVED))])
log = logging.getLogger(__name__)
T = TypeVar("T")


def _broken_by(wrong: Exception) -> str:
    return f"it broke down: {type(wrong).__name__}: {wrong}"


class AnalystService:
    """The analyst of one site."""

    def __init__(
        self, *, bus: Bus, registry: Registry, clock: Clock, folder: Path, memory_mb: Callable[[], float],
        pid: int, brought: Path | None = None, round_s: float = ROUND_S, rest_s: float = REST_S,
    ) -> None:  # fmt: skip
        """Be ready to run.

        Parameters
        ----------
        folder : of the models' versions
        brought : of versions that came with the plant; they are taken into the shadow
        round_s : plant seconds between two rounds
        rest_s : plant seconds that the twin is left to others between two questions
        """
        self._bus, self._registry, self._clock = bus, registry, clock
        self._memory_mb, self._pid, self._round_s = memory_mb, pid, round_s
        rest_wall_s = max(rest_s / clock.speed, min(rest_s, REST_WALL_S))
        self._rest_ns, self._asked_ns = round(rest_wall_s * SECOND_NS), -(1 << 62)
        self._store = ModelStore(folder)
        loaded = load_all()
        self._models, wrong = usable_models(loaded)
        self._classes, of_classes = usable_classes(loaded, self._models)
        if brought is not None:
            taken(self._store, brought, self._models)
        self._broken: dict[str, str] = {}  # model, class, or one of them at something -> what it raised
        self._unusable = wrong | of_classes  # module, model or class -> what it lacks
        for name, why in self._unusable.items():
            log.error("%s cannot be used: %s", name, why)
        self._refused: dict[str, str] = {}  # what was said to the ledger -> why it did not take it
        self._subjects: dict[str, list[Subject]] = {name: [] for name in self._models}
        heard = set[SignalId]()
        for name, kind in self._models.items():
            with self._apart(name):
                mine = kind.subjects(registry)
                heard |= {signal for each in mine for signals in each.signals.values() for signal in signals}
                self._subjects[name] = mine
        wanted = sorted(heard)
        self._signals: list[SignalId] = [name for name in wanted if name in registry.by_id]
        self._index = {registry.by_id[name].index: str(name) for name in self._signals}
        self._tape = Tape(wanted)
        self._routed = frozenset(
            unit
            for routing in registry.routings.values()
            for operation in routing.operations
            for unit in work_units_of(registry, operation)
        )  # what the simulation has: other units' stops mean nothing to it
        self._site = (registry.enterprise, registry.site)
        self._history = HistoryClient(bus, enterprise=registry.enterprise, site=registry.site)
        self._tried_ns: dict[str, int] = {}  # recommendation -> since when its measure waits for the twin
        self._live: dict[str, tuple[Kept, Model]] = {}
        self._desk = Analyst()
        self._predicted: dict[str, Predicted] = {}
        self._silent: dict[str, str] = {}
        self._unmeasured: dict[str, Unmeasured] = {}
        self._declared: set[str] = set()
        self._checked: dict[str, Check] = {}
        self._looked: dict[tuple[str, str], tuple[int, int, str]] = {}
        self._remembers = False
        self._recalled = False  # what the ledger has of before this start
        self._due: set[str] = set()
        self._again = asyncio.Event()  # deliveries were lost: what was missed is read from the history
        self._started_ns = clock.now_ns()
        self._counts = {"rounds": 0.0, "predictions": 0.0, "asked": 0.0, "proposed": 0.0, "learnt": 0.0}

    async def run(self, stop: asyncio.Event) -> None:
        """Listen, learn, predict and propose until told to stop."""
        self._bus.on_slow(self._again.set)
        self._bus.on_state(lambda there: self._again.set() if there else None)
        served = [
            await self._bus.serve(self._query(OWNER, STATUS), self._status),
            await self._bus.serve(self._query(OWNER, PREDICTIONS), self._predictions),
            await self._bus.serve(self._query(OWNER, UNMEASURED), self._not_measured),
            await self._bus.serve(self._command(OWNER, PROMOTE), self._promote),
        ]
        if self._signals:
            served.append(await self._bus.subscribe(topics.SAMPLES, self._heard))
            for fact in FACTS:
                served.append(await self._bus.subscribe(topics.any_event(*self._site, fact), self._told))
        async with asyncio.TaskGroup() as group:
            group.create_task(until(stop, self._beat()))
            group.create_task(until(stop, self._work()))
        for subscription in served:
            await subscription.close()

    # -- hearing and remembering

    def _heard(self, message: Message) -> None:
        try:
            scan = samples.decode(message.payload)
        except (msgspec.DecodeError, ValueError):
            return  # the twin sends it to quarantine
        if scan.registry != self._registry.prefix:
            return
        for place, index in enumerate(scan.signals):
            name = self._index.get(index)
            good = scan.qualities is None or scan.qualities[place] == Quality.GOOD
            if name is not None and good:
                self._tape.add(name, scan.t0_ns + scan.dt_ns[place], scan.values[place])

    def _told(self, message: Message) -> None:
        try:
            told(self._tape, message.payload)
        except msgspec.DecodeError as wrong:
            log.warning("%s was not understood: %s", message.subject, wrong)

    async def _remember(self) -> None:
        """Read what was before, or what was missed; raises BusError where the historian is away."""
        now_ns = self._clock.now_ns()
        table = await self._history.range(self._signals, now_ns - round(PAST_S * SECOND_NS), now_ns)
        facts = await self._history.events(now_ns - round(PAST_S * SECOND_NS), now_ns, types=FACTS)
        remember(self._tape, table, facts)
        self._tape.forget(now_ns - round(PAST_S * SECOND_NS))
        self._remembers = True

    def _traces(self, model: str, at_ns: int) -> list[Trace]:
        return [self._tape.trace(subject, at_ns) for subject in self._subjects[model]]

    # -- rounds

    async def _work(self) -> None:
        if not self._signals:
            self._silent["all"] = "nothing in this plant is of the kind that a model speaks about"
        while True:
            if self._signals and (self._again.is_set() or not self._remembers):
                self._again.clear()
                try:
                    await self._remember()
                except (BusError, msgspec.DecodeError, pa.ArrowInvalid) as failure:
                    log.warning("the historian does not answer: %s", failure)
                    self._silent["all"] = f"the historian does not answer: {failure}"
                    self._again.set()
                    await self._clock.wall_sleep(2.0)
                    continue
                self._silent.pop("all", None)
            await self.round()
            await self._clock.sleep(max(self._round_s, ROUND_WALL_S * self._clock.speed))

    async def round(self) -> None:
        """Learn where it is time, measure what was done, predict for every subject, look what is worth it."""
        self._counts["rounds"] += 1
        ready: list[tuple[type[Model], Kept, Model, list[Trace], str]] = []
        for name, kind in self._models.items():
            if not self._subjects[name]:
                continue
            with self._apart(f"{name}, learning"):
                await self._learn(name, kind)
            with self._apart(name):
                kept = await self._in_use(name, kind)
                if kept is None:
                    continue
                traces = self._traces(name, self._clock.now_ns())
                errs = await self._drifting(kind, *kept, traces)
                await self._tell_trust(name, kept[0], errs)
                ready.append((kind, *kept, traces, errs))
        if self._declared:
            if not self._recalled:
                await self._recall()
            await self._settle()  # before the twin is asked, whose answers may take minutes
        for kind, about, model, traces, errs in ready:
            for trace in traces:
                with self._apart(f"{kind.name} at {trace.subject.id}"):
                    await self._one(kind, about, model, trace, errs)

    @contextlib.contextmanager
    def _apart(self, name: str) -> Iterator[None]:
        """Keep what one model or class raises from the others: it is logged and shown, and they go on."""
        try:
            yield
        except Exception as wrong:  # noqa: BLE001 - anybody may write a model
            self._broke(name, wrong)
        else:
            self._broken.pop(name, None)

    def _broke(self, name: str, wrong: Exception) -> None:
        why = _broken_by(wrong)
        if self._broken.get(name) != why:
            log.error("%s broke down", name, exc_info=wrong)
        self._broken[name] = why

    async def _drifting(self, kind: type[Model], kept: Kept, model: Model, traces: list[Trace]) -> str:
        """Return why a version is to be believed no longer, looked at once an hour; "": it may be.

        One that was found to drift stays so: another version has to go live.
        """
        key, now_ns = (kind.name, kept.about.version), self._clock.now_ns()
        at_ns, number, said = self._looked.get(key, (-LOOK_EVERY_NS, 0, ""))
        if not said and now_ns - at_ns >= LOOK_EVERY_NS:
            number, said = await asyncio.to_thread(drifting, kind, model, kept.about, traces, looked=number)
            self._looked[key] = (now_ns, number, said)
        return said

    async def _learn(self, name: str, kind: type[Model]) -> None:
        now_ns = self._clock.now_ns()
        newest = await asyncio.to_thread(self._store.newest, name)
        known = newest is not None and newest.about.code_version == kind.code_version
        if known and newest is not None and now_ns - newest.about.made_ns < LEARN_EVERY_NS:
            return
        traces = self._traces(name, now_ns)
        try:
            about, learnt = await asyncio.to_thread(training.learnt, kind, traces, now_ns=now_ns)
        except NotEnough as lack:
            self._silent[name] = str(lack) if newest is None else f"nothing newer is learnt: {lack}"
            return
        self._silent.pop(name, None)
        kept = await asyncio.to_thread(self._store.add, about, learnt)
        self._counts["learnt"] += 1
        self._tape.forget(now_ns - round(PAST_S * SECOND_NS))
        log.info("%s learnt version %s, in the shadow", name, kept.about.version)

    async def _in_use(self, name: str, kind: type[Model]) -> tuple[Kept, Model] | None:
        """Return the live version, else the newest one, which stays in the shadow."""

        def read() -> Kept | None:
            return self._store.live(name) or self._store.newest(name)

        kept = await asyncio.to_thread(read)
        if kept is None or kept.about.code_version != kind.code_version:
            if kept is not None:
                self._silent[name] = (
                    f"version {kept.about.version} is of other code: a newer one must go live"
                )
            return None
        there = self._live.get(name)
        if there is not None and there[0].about == kept.about:
            return there
        for each in self._classes.values():
            if each.model == name:
                self._desk.anew(each)
        self._live[name] = (kept, kind.restored(kept.state))
        return self._live[name]

    async def _one(self, kind: type[Model], kept: Kept, model: Model, trace: Trace, errs: str) -> None:
        subject = trace.subject
        try:
            made = await asyncio.to_thread(model.predict, trace)
        except NotEnough as lack:
            empty = Predicted(
                id=f"{kind.name}.{subject.id}", model=kind.name, version=kept.about.version,
                shadow=kept.about.stage != "live", work_unit=subject.unit, subject=subject.id,
                at_ns=trace.to_ns, unit="", median=None, low=None, high=None, evidence=[], reason=str(lack),
            )  # fmt: skip
            await self._publish(empty)
            return
        await self._publish(advice.predicted(made, kept.about))
        for each in self._classes.values():
            if each.model != kind.name:
                continue
            try:
                await self._consider(each, kept, made, trace, errs)
            except Exception as wrong:  # noqa: BLE001 - anybody may write a class
                self._broke(self._desk.broke(each, subject.id, _broken_by(wrong)), wrong)
            else:
                key = f"{each.name} at {subject.id}"
                if self._desk.silent.get(key) != self._broken.get(
                    key
                ):  # else it only waits to be asked again
                    self._broken.pop(key, None)

    async def _recall(self) -> None:
        """Hear, once after a start, what was proposed and decided before it."""
        since_ns = self._clock.now_ns() - Budget().within_ns
        try:
            inbox = await self._of_ledger(recommendation.INBOX, {}, Inbox)
            for row in (*inbox.waiting, *inbox.decided):
                counts = row.state in (State.PROPOSED, State.REJECTED) or row.changed_ns > since_ns
                if row.advice_class in self._classes and counts:
                    wish = {"recommendation": row.id}
                    document = await self._of_ledger(recommendation.ONE, wish, Recommendation)
                    with self._apart(f"{row.advice_class} at {row.id}"):
                        self._hear_of(document)
        except (BusError, msgspec.DecodeError) as failure:
            log.warning("the ledger does not say what was proposed: %s", failure)  # the next round asks again
            return
        self._recalled = True

    def _hear_of(self, document: Recommendation) -> None:
        kind = self._classes.get(document.proposal.advice_class)
        if kind is None:
            return
        about = [each for each in self._subjects[kind.model] if kind.concerns(document, each)]
        # One tool may have several characteristics: the one that is foretold stands, the tool was rejected.
        mine = [each for each in about if document.proposal.forecast.indicator in each.names.values()]
        for each in about if document.state is State.REJECTED else (mine or about)[:1]:
            self._desk.heard(kind, each.id, document, now_ns=self._clock.now_ns())

    async def _of_ledger(self, name: str, wish: dict[str, str], kind: type[T]) -> T:
        subject = self._query(recommendation.OWNER, name)
        said = await self._bus.request(subject, msgspec.msgpack.encode(wish), timeout_s=LEDGER_S)
        return msgspec.msgpack.decode(said, type=kind)

    async def _settle(self) -> None:
        """Measure what was carried out, and see whether what was foretold came where nobody acted."""
        try:
            due = await self._of_ledger(recommendation.DUE, {}, list[Recommendation])
        except (BusError, msgspec.DecodeError) as failure:
            log.warning("the ledger does not say what is due: %s", failure)  # the next round asks again
            return
        unmeasured: dict[str, Unmeasured] = {}
        for gone in self._due - {each.id for each in due}:
            self._broken.pop(gone, None)
            self._refused.pop(f"{gone}, {Assess.message_name}", None)
        self._due = {each.id for each in due}
        for document in due:
            with self._apart(document.id):
                self._hear_of(document)
                if document.execution is not None and document.execution.done_ns:
                    waits = await self._measure(document)
                    if waits is not None:
                        unmeasured[document.id] = Unmeasured(
                            recommendation=document.id, says=waits.says, until_ns=waits.until_ns,
                            over=waits.is_over, at_ns=self._clock.now_ns(),
                        )  # fmt: skip
                else:
                    await self._assess(document)
        self._unmeasured = unmeasured

    def _known_of(self, document: Recommendation) -> tuple[type[ProposalClass], Trace, Model] | NotYet:
        """Return by what a recommendation is judged."""
        name = document.proposal.advice_class
        kind = self._classes.get(name)
        there = None if kind is None else self._live.get(kind.model)
        if kind is None or there is None:
            text = f"No model that {name} rests on is in use."
            return NotYet(Words(code="analyst.no_model", text=text, values={"class": name}))
        traces = self._traces(kind.model, self._clock.now_ns())
        trace = next((each for each in traces if kind.concerns(document, each.subject)), None)
        if trace is None:
            text = "The plant has no longer what it is about."
            return NotYet(Words(code="analyst.no_subject", text=text), is_over=True)
        return kind, trace, there[1]

    async def _measure(self, document: Recommendation) -> NotYet | None:
        """Tell the ledger what a recommendation came to; return why not, None: the ledger has it."""
        known = self._known_of(document)
        if isinstance(known, NotYet):
            return known
        kind, trace, model = known
        found = await asyncio.to_thread(kind.outcome, document, trace, model, self._registry)
        if isinstance(found, NotYet):
            return found
        found = await self._played_again(kind, document, trace, model, found)
        if isinstance(found, NotYet):
            return found
        answer = await self._say(Measure(recommendation=document.id, outcome=found))
        if answer is None:
            return NotYet(Words(code="analyst.ledger_away", text="It is measured; the ledger is away."))
        if answer.accepted:
            self._tried_ns.pop(document.id, None)
            return None
        log.error("the ledger did not take what %s came to: %s: found %s, expected %s", document.id,
                  answer.place, answer.found, answer.right)  # fmt: skip
        values: dict[str, str | int | float] = {
            "place": answer.place, "found": answer.found, "right": answer.right
        }  # fmt: skip
        why = f"{answer.place}: found {answer.found}, expected {answer.right}"
        text = f"It is measured, and the ledger refused it. {why}."
        return NotYet(Words(code="analyst.ledger_refused", text=text, values=values))

    async def _played_again(
        self, kind: type[ProposalClass], document: Recommendation, trace: Trace, model: Model, found: Outcome
    ) -> Outcome | NotYet:
        """Return a measured effect with what the twin says it meant for the plant, or why it says nothing."""
        unit, from_ns, to_ns = trace.subject.unit, document.proposal.proof.state_ns, found.to_ns
        try:
            table = await self._history.intervals(from_ns, to_ns)
            known = counterfactual.lived(
                table, unit, self._group(unit), from_ns=from_ns, to_ns=to_ns, units=self._routed
            )
            courses = await asyncio.to_thread(kind.again, document, trace, model, self._registry, known)
            if courses is None:
                return counterfactual.untold(found, "there is nothing to play of it")
            asked = counterfactual.question(courses, known, document, deadline_s=PROOF_S)
            answer = await self._ask(COMPARE, asked, Comparison)
            if answer.state == "ready":
                return counterfactual.told(found, courses, known, document, answer)
            why, may_come = answer.reason or answer.state, answer.state != "refused"
        except BusError as failure:
            why, may_come = str(failure), True
        until_ns = self._tried_ns.setdefault(document.id, self._clock.now_ns()) + PATIENCE_NS
        if may_come and self._clock.now_ns() < until_ns:
            text = f"It is measured, and waits for the twin to play the plant again: {why}."
            says = Words(code="analyst.waits_twin", text=text, values={"why": why})
            return NotYet(says, until_ns=until_ns)
        return counterfactual.untold(found, why)

    async def _assess(self, document: Recommendation) -> None:
        known = self._known_of(document)
        if isinstance(known, NotYet):
            return
        kind, trace, _ = known
        came = await asyncio.to_thread(kind.came_true, document, trace)
        if came is not None:
            said = Assess(recommendation=document.id, came_true=came[0], how=came[1])
            await self._accepted(document.id, said)

    async def _publish(self, document: Predicted) -> None:
        self._predicted[document.id] = document
        self._counts["predictions"] += 1
        place = self._registry.equipment[document.work_unit].place  # type: ignore[index]
        with contextlib.suppress(BusError):  # the next round says it again
            await self._bus.publish_durable(
                topics.state(place, PREDICTION, document.id.replace(".", "-")), msgspec.json.encode(document)
            )

    # -- proposing

    async def _consider(
        self, kind: type[ProposalClass], kept: Kept, made: Prediction, trace: Trace, errs: str
    ) -> None:
        now_ns = self._clock.now_ns()
        void = self._desk.void(kind, made, now_ns=now_ns)
        if void is not None and not await self._withdrawn(void):
            self._desk.stands(kind, void)  # the ledger is away: it is withdrawn in the next round
            return
        if self._clock.monotonic_ns() - self._asked_ns < self._rest_ns:
            return  # people ask the twin too, and it answers one after the other
        error = advice.past_error(kind, kept.about)
        if not self._desk.asks(kind, made, error, now_ns=now_ns, drifting=errs):
            return
        assert error is not None, "asked only where the error is known"
        self._counts["asked"] += 1
        try:
            proposal = await self._proved(kind, kept, made, trace, error)
        except BusError as failure:
            self._desk.unanswered(kind, trace.subject.id, str(failure))
            self._asked_ns = self._clock.monotonic_ns()
            return
        if proposal is None:
            return
        answer = await self._say(Propose(proposal=proposal))
        if answer is None:
            self._desk.refused(kind, trace.subject.id, "it does not answer")
        elif answer.accepted:
            self._counts["proposed"] += 1
            self._desk.said(kind, made, proposal, now_ns=self._clock.now_ns())
            self._refused.pop(f"{kind.name} at {trace.subject.id}, {Withdraw.message_name}", None)
            log.info("%s proposed: %s", proposal.id, proposal.says.text)
        else:
            self._desk.refused(
                kind, trace.subject.id, f"{answer.place}: found {answer.found}, expected {answer.right}"
            )

    async def _withdrawn(self, void: Standing) -> bool:
        """Withdraw what no longer holds, unless somebody has decided on it; False: the ledger is away."""
        wish = {"recommendation": void.recommendation}
        try:
            document = await self._of_ledger(recommendation.ONE, wish, Recommendation)
        except (BusError, msgspec.DecodeError) as failure:
            log.warning("the ledger does not say what became of %s: %s", void.recommendation, failure)
            return False
        if document.state not in (State.VALIDATED, State.PROPOSED):
            return True
        why = Words(code="analyst.void", text="What was to be prevented is no longer expected.")
        said = Withdraw(recommendation=void.recommendation, why=why)
        return await self._accepted(f"{void.advice_class} at {void.subject}", said) is not None

    async def _proved(
        self, kind: type[ProposalClass], kept: Kept, made: Prediction, trace: Trace, error: Any
    ) -> recommendation.Proposal | None:
        """Return a recommendation that the twin has proved; None: there is none, and `silent` says why."""
        unit, horizon_s = trace.subject.unit, kind.horizon_s(made, trace)
        question = msgspec.structs.replace(GENERIC, horizon_s=horizon_s, replications=1, seed=proving.SEED)
        film = await self._ask(REPLAY, ReplayQuestion(question=question), Replay)
        if film.state != "ready":
            self._desk.unanswered(kind, trace.subject.id, film.reason or film.state)
            return None
        self._asked_ns = self._clock.monotonic_ns()  # it works for us from here on
        ahead = advice.ahead(film, unit, self._group(unit))
        trial = await asyncio.to_thread(kind.trial, made, trace, ahead, self._registry)
        if trial is None:
            self._desk.silent[f"{kind.name} at {trace.subject.id}"] = "there is nothing that could be done"
            return None
        asked = proving.question(trial, deadline_s=PROOF_S)
        answer = await self._ask(COMPARE, asked, Comparison)
        self._asked_ns = self._clock.monotonic_ns()
        if answer.state != "ready":
            self._desk.unanswered(kind, trace.subject.id, answer.reason or answer.state)
            return None
        verdict = proving.verdict(trial, answer)
        chosen = self._desk.speaks(kind, made, trial, verdict, answer, now_ns=self._clock.now_ns())
        if chosen is None:
            return None
        try:
            record = await self._of_ledger(recommendation.RECORD, {"advice_class": kind.name}, ClassRecord)
        except msgspec.DecodeError as wrong:
            raise BusError(f"the ledger's record of {kind.name} was not understood: {wrong}") from wrong
        promises = Promises.of(record.outcomes)
        return advice.composed(kind, trial, verdict, chosen, answer, made, kept.about, error, promises)

    def _group(self, unit: str) -> tuple[str, ...]:
        operations = [each for routing in self._registry.routings.values() for each in routing.operations]
        return next((group for group in stand_ins(self._registry, operations) if unit in group), (unit,))

    # -- talking

    async def _ask(self, name: str, question: msgspec.Struct, kind: type[T]) -> T:
        said = await self._bus.request(
            self._query(WHATIF, name), msgspec.msgpack.encode(question), timeout_s=4 * PROOF_S
        )
        try:
            return msgspec.msgpack.decode(said, type=kind)
        except msgspec.DecodeError as wrong:
            raise BusError(f"what-if's answer to {name} was not understood: {wrong}") from wrong

    async def _say(self, content: AdviceMessage) -> Answer | None:
        """Tell the ledger; None: it is away."""
        message = recommendation.make(content, message_id=unique_id(), actor=OWNER, actor_type="ai")
        subject = self._command(recommendation.OWNER, content.message_name)
        try:
            said = await self._bus.request(subject, recommendation.encode(message), timeout_s=LEDGER_S)
            return recommendation.decode_answer(said)
        except (BusError, msgspec.DecodeError) as failure:
            log.warning("the ledger does not answer %s: %s", content.message_name, failure)
            return None

    async def _accepted(self, about: str, content: AdviceMessage) -> bool | None:
        """Tell the ledger, and return whether it took it; None: it is away. A refusal is logged and shown."""
        answer = await self._say(content)
        if answer is None:
            return None
        key = f"{about}, {content.message_name}"
        if answer.accepted:
            self._refused.pop(key, None)
            return True
        why = f"the ledger did not take it: {answer.place}: found {answer.found}, expected {answer.right}"
        if self._refused.get(key) != why:
            log.error("%s: %s", key, why)
        self._refused[key] = why
        return False

    async def _tell_trust(self, model: str, kept: Kept, errs: str) -> None:
        """Declare the classes that rest on a model, and say how far they may be trusted, each once.

        Trust is in what is in use: how a version errs that nobody has let go live says nothing about that.
        """
        for kind in self._classes.values():
            if kind.model != model:
                continue
            with self._apart(kind.name):
                if kind.name not in self._declared:
                    if not await self._accepted(kind.name, Declare(advice_class=kind.declared())):
                        continue
                    self._declared.add(kind.name)
                if kept.about.stage != LIVE:
                    continue
                check = Check(
                    advice_class=kind.name, error=advice.past_error(kind, kept.about), drifting=bool(errs),
                    why=errs
                )  # fmt: skip
                if self._checked.get(kind.name) != check and await self._accepted(kind.name, check):
                    self._checked[kind.name] = check

    async def _status(self, message: Message) -> bytes:
        def read() -> list[Any]:
            return [each.about for name in self._models for each in self._store.versions(name)]

        versions = await asyncio.to_thread(read)
        said = Status(
            state="running" if self._remembers else "starting", versions=versions,
            models=[self._model(name, kind) for name, kind in self._models.items()],
            silent={**self._silent, **self._desk.silent, **self._refused, **self._broken,
                    **self._unusable},
            proposed=dict(self._desk.proposed()), at_ns=self._clock.now_ns(),
        )  # fmt: skip
        return msgspec.msgpack.encode(said)

    def _model(self, name: str, kind: type[Model]) -> ModelDocument:
        return ModelDocument(
            model=name, code_version=kind.code_version, subjects=len(self._subjects[name]),
            limits={each.name: each.error_max for each in self._classes.values() if each.model == name},
        )  # fmt: skip

    async def _predictions(self, message: Message) -> bytes:
        return msgspec.msgpack.encode([self._predicted[each] for each in sorted(self._predicted)])

    async def _not_measured(self, message: Message) -> bytes:
        return msgspec.msgpack.encode([self._unmeasured[each] for each in sorted(self._unmeasured)])

    async def _promote(self, message: Message) -> bytes:
        try:
            wish = msgspec.json.decode(message.payload, type=Promote)
            await asyncio.to_thread(self._go_live, wish)
        except msgspec.DecodeError as wrong:
            said = Promoted(accepted=False, reason=str(wrong), code="invalid", place="message",
                            found=str(wrong), right="a promotion")  # fmt: skip
        except NotPromoted as why:
            said = Promoted(accepted=False, reason=str(why), code=why.code, place=why.place, found=why.found,
                            right=why.right)  # fmt: skip
        else:
            log.info("%s goes live with version %s: %s", wish.model, wish.version, wish.person)
            said = Promoted(accepted=True)
        return msgspec.json.encode(said)

    def _go_live(self, wish: Promote) -> None:
        kind = self._models.get(wish.model)
        if kind is None:
            known = ", ".join(self._models) or "none"
            raise NotPromoted("unknown", "model", wish.model, f"one of {known}")
        self._store.promote(
            wish.model, wish.version, person=wish.person, now_ns=self._clock.now_ns(),
            code_version=kind.code_version, instead_of=wish.instead_of, why=wish.why,
        )  # fmt: skip

    def _query(self, owner: str, name: str) -> str:
        return topics.query(self._registry.enterprise, self._registry.site, owner, name)

    def _command(self, target: str, name: str) -> str:
        return topics.command(self._registry.enterprise, self._registry.site, target, name)

    async def _beat(self) -> None:
        subject = topics.health(self._registry.enterprise, self._registry.site, COMPONENT)
        while True:
            wrong = sorted((self._broken | self._unusable).items())
            health = Health(
                component=COMPONENT, state="degraded" if wrong else "running",
                reason="; ".join(f"{name}: {why}" for name, why in wrong),
                started_ns=self._started_ns, at_ns=self._clock.now_ns(), pid=self._pid,
                memory_mb=self._memory_mb(), counters=dict(self._counts),
            )  # fmt: skip
            with contextlib.suppress(BusError):  # the backbone is away: it is missed, and that says enough
                await self._bus.publish(subject, state.encode(health))
            await self._clock.wall_sleep(1.0)
