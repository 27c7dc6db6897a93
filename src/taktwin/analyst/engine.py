"""What the analyst decides with what it has in hand: when to ask the twin, when to speak. Pure.

In come predictions and verdicts; out go decisions, each with its reason. What is silent says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taktwin.analyst.alert_budget import HOUR_NS, Budget
from taktwin.analyst.model import Prediction
from taktwin.analyst.proposal import Course, ProposalClass, Trial
from taktwin.analyst.proving import Verdict
from taktwin.contracts.recommendation import Level, Proposal, Recommendation, State
from taktwin.contracts.whatif import Comparison, PastError

ASK_EVERY_NS = HOUR_NS // 4  # of one subject, while it stays worth asking
ENDED = (State.REJECTED, State.EXPIRED, State.SUPERSEDED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Standing:
    """A recommendation that was made and that nobody has ended yet, as far as the analyst knows."""

    recommendation: str
    advice_class: str
    subject: str
    expires_ns: int
    course: str
    said_ns: int
    shadow: bool  # of a version that nobody has let go live
    life_ns: int | None  # of the prediction that it rests on; None: said before the analyst began


@dataclass(slots=True)
class _Memory:
    asked_ns: int = -(1 << 62)
    standing: Standing | None = None
    rejected_ns: int = 0  # when the newest one was said that a person has rejected
    rejected: str = ""  # its id


@dataclass(slots=True)
class Analyst:
    """What is remembered of each class at each subject.

    Nothing of it is kept by itself: after a restart the ledger says what was proposed and decided (`heard`).
    """

    budgets: dict[str, Budget] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)  # class at subject -> why nothing is proposed
    _known: dict[str, _Memory] = field(default_factory=dict)
    _counted: set[str] = field(default_factory=set)  # recommendations that are in a budget

    def _of(self, kind: type[ProposalClass], subject: str) -> tuple[str, _Memory]:
        key = f"{kind.name} at {subject}"
        return key, self._known.setdefault(key, _Memory())

    def standing(self, kind: type[ProposalClass], subject: str) -> Standing | None:
        """Return the recommendation that stands."""
        return self._of(kind, subject)[1].standing

    def anew(self, kind: type[ProposalClass]) -> None:
        """Look at everything anew: another version of the model counts from now on.

        What was proposed stands on, for people see it: it is withdrawn if the new version does not expect any
        more what was to be prevented. What a version in the shadow said nobody sees, and it makes way.
        """
        for key, memory in self._known.items():
            if key.startswith(f"{kind.name} at "):
                memory.asked_ns = -(1 << 62)
                if memory.standing is not None and memory.standing.shadow:
                    memory.standing = None

    def heard(
        self, kind: type[ProposalClass], subject: str, document: Recommendation, *, now_ns: int
    ) -> None:
        """Take in what the ledger has of a recommendation about a subject; said again, it changes nothing."""
        _, memory = self._of(kind, subject)
        proposal, there = document.proposal, memory.standing
        mine = there is not None and there.recommendation == document.id
        if document.state is State.REJECTED and document.proposed_ns > memory.rejected_ns:
            memory.rejected_ns, memory.rejected = document.proposed_ns, document.id
        if document.state is State.PROPOSED and there is None and now_ns < proposal.expires_ns:
            memory.standing = Standing(
                document.id, kind.name, subject, proposal.expires_ns, proposal.proof.chosen,
                document.proposed_ns, proposal.model.shadow, life_ns=None,
            )  # fmt: skip
        elif document.state is not State.PROPOSED and mine and document.state in ENDED:
            memory.standing = None
        if document.level is not Level.OBSERVE and not proposal.model.shadow:
            self._count(kind, document.id, document.proposed_ns)

    def _count(self, kind: type[ProposalClass], recommendation: str, at_ns: int) -> None:
        if recommendation not in self._counted:
            self._counted.add(recommendation)
            self.budgets.setdefault(kind.name, Budget()).take(at_ns)

    def proposed(self) -> Mapping[str, str]:
        """Return the newest recommendation of each class at each subject."""
        return {key: each.standing.recommendation for key, each in self._known.items() if each.standing}

    def void(self, kind: type[ProposalClass], prediction: Prediction, *, now_ns: int) -> Standing | None:
        """Return the recommendation that no longer holds by this prediction, and forget it; None: none
        does."""
        _, memory = self._of(kind, prediction.subject.id)
        there = memory.standing
        if there is None:
            return None
        if now_ns >= there.expires_ns:
            memory.standing = None  # the ledger lets it expire by itself
            return None
        same = (
            prediction.life_ns <= there.said_ns
            if there.life_ns is None
            else prediction.life_ns == there.life_ns
        )
        if same and kind.still_holds(prediction):
            return None
        memory.standing = None
        return there

    def asks(
        self, kind: type[ProposalClass], prediction: Prediction, error: PastError | None, *, now_ns: int,
        drifting: str = "",
    ) -> bool:  # fmt: skip
        """Return whether the twin is to be asked now; where not, `silent` says why."""
        key, memory = self._of(kind, prediction.subject.id)
        why = self._why_not(kind, prediction, memory, error, drifting, now_ns)
        if why:
            self.silent[key] = why
            return False
        memory.asked_ns = now_ns
        return True

    def _why_not(
        self, kind: type[ProposalClass], prediction: Prediction, memory: _Memory, error: PastError | None,
        drifting: str, now_ns: int,
    ) -> str:  # fmt: skip
        if not kind.worth_asking(prediction):
            return "nothing is expected that would have to be prevented"
        if error is None:
            return "the model was never judged on what it has not seen"
        if error.is_beyond:
            return f"its error was {error.error:.1%}, the limit is {error.limit:.1%}"
        if drifting:
            return f"the model drifts: {drifting}"
        if memory.standing is not None:
            return f"{memory.standing.recommendation} stands"
        if 0 < prediction.life_ns <= memory.rejected_ns:
            return (
                f"a person rejected {memory.rejected}: it is not proposed again before something else is in"
            )
        if now_ns - memory.asked_ns < ASK_EVERY_NS:
            return self.silent.get(
                f"{kind.name} at {prediction.subject.id}", "the twin was asked a moment ago"
            )
        if not self.budgets.setdefault(kind.name, Budget()).allows(now_ns):
            return "the class has used up its share of attention for this shift"
        return ""

    def speaks(
        self, kind: type[ProposalClass], prediction: Prediction, trial: Trial, verdict: Verdict,
        answer: Comparison, *, now_ns: int,
    ) -> Course | None:  # fmt: skip
        """Return what is to be proposed; None: nothing, and `silent` says why."""
        key, _ = self._of(kind, prediction.subject.id)
        chosen = verdict.chosen
        beyond = [] if answer.validity is None else [e for e in answer.validity.errors if e.is_beyond]
        if chosen is None:
            self.silent[key] = verdict.why
        elif beyond:
            self.silent[key] = "; ".join(
                f"the twin's error of {each.indicator} was {each.error:.1%}, the limit is {each.limit:.1%}"
                for each in beyond
            )
        elif answer.is_cut:
            self.silent[key] = "the twin had no time for all runs"
        elif chosen.at_ns - now_ns > trial.ahead_s * 1e9:
            self.silent[key] = f"{chosen.name} is best, and not yet due: asked again"
        elif trial.expires_ns[chosen.name] <= now_ns:
            self.silent[key] = f"{chosen.name} was best, and it is too late for it"
        else:
            return chosen
        return None

    def said(
        self, kind: type[ProposalClass], prediction: Prediction, proposal: Proposal, *, now_ns: int
    ) -> None:
        """Note that the ledger has taken a recommendation."""
        subject = prediction.subject.id
        key, memory = self._of(kind, subject)
        memory.standing = Standing(
            proposal.id, kind.name, subject, proposal.expires_ns, proposal.proof.chosen, now_ns,
            proposal.model.shadow, prediction.life_ns,
        )  # fmt: skip
        self.silent.pop(key, None)
        if not proposal.model.shadow:  # nobody is shown what a version in the shadow would say
            self._count(kind, proposal.id, now_ns)

    def unanswered(self, kind: type[ProposalClass], subject: str, why: str) -> None:
        """Note that the twin had no answer: what was not answered counts as never asked."""
        key, memory = self._of(kind, subject)
        memory.asked_ns = -(1 << 62)
        self.silent[key] = f"the twin has no answer: {why}"

    def stands(self, kind: type[ProposalClass], standing: Standing) -> None:
        """Note that a recommendation stands after all."""
        self._of(kind, standing.subject)[1].standing = standing

    def broke(self, kind: type[ProposalClass], subject: str, why: str) -> str:
        """Note that the class itself broke down at a subject; it is silent there until it is asked again.
        Return its name there."""
        key, _ = self._of(kind, subject)
        self.silent[key] = why
        return key

    def refused(self, kind: type[ProposalClass], subject: str, why: str) -> None:
        """Note that the ledger has not taken it."""
        self.silent[self._of(kind, subject)[0]] = f"the ledger did not take it: {why}"
