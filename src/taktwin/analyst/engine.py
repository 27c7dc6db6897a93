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
from taktwin.contracts.recommendation import Proposal
from taktwin.contracts.whatif import Comparison, PastError

ASK_EVERY_NS = HOUR_NS // 4  # of one subject, while it stays worth asking


@dataclass(frozen=True, slots=True)
class Standing:
    """A recommendation that was made and that nobody has ended yet, as far as the analyst knows."""

    recommendation: str
    advice_class: str
    subject: str
    expires_ns: int
    course: str
    life_ns: int  # of the prediction that it rests on


@dataclass(slots=True)
class _Memory:
    asked_ns: int = -(1 << 62)
    standing: Standing | None = None


@dataclass(slots=True)
class Analyst:
    """What is remembered of each class at each subject.

    Nothing of it needs to survive a restart: after one, the ledger refuses a second recommendation while the
    first is under way, and supersedes one that waits.
    """

    budgets: dict[str, Budget] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)  # class at subject -> why nothing is proposed
    _known: dict[str, _Memory] = field(default_factory=dict)

    def _of(self, kind: type[ProposalClass], subject: str) -> tuple[str, _Memory]:
        key = f"{kind.name} at {subject}"
        return key, self._known.setdefault(key, _Memory())

    def standing(self, kind: type[ProposalClass], subject: str) -> Standing | None:
        """Return the recommendation that stands."""
        return self._of(kind, subject)[1].standing

    def forget(self, kind: type[ProposalClass]) -> None:
        """Look at everything anew: another version of the model counts from now on."""
        for key in [key for key in self._known if key.startswith(f"{kind.name} at ")]:
            del self._known[key]

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
        if there.life_ns == prediction.life_ns and kind.still_holds(prediction):
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
            proposal.id, kind.name, subject, proposal.expires_ns, proposal.proof.chosen,
            prediction.life_ns,
        )  # fmt: skip
        self.silent.pop(key, None)
        if not proposal.model.shadow:  # nobody is shown what a version in the shadow would say
            self.budgets.setdefault(kind.name, Budget()).take(now_ns)

    def unanswered(self, kind: type[ProposalClass], subject: str, why: str) -> None:
        """Note that the twin had no answer: what was not answered counts as never asked."""
        key, memory = self._of(kind, subject)
        memory.asked_ns = -(1 << 62)
        self.silent[key] = f"the twin has no answer: {why}"

    def refused(self, kind: type[ProposalClass], subject: str, why: str) -> None:
        """Note that the ledger has not taken it."""
        self.silent[self._of(kind, subject)[0]] = f"the ledger did not take it: {why}"
