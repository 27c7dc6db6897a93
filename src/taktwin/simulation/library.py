"""Questions that a new model is asked before a bolt is moved: scenarios that any plant can be asked.

Each names what it changes by selectors, so a plant of one machine can be asked as well as one of a thousand;
what a plant does not have (material, crews, set-ups, tools) changes nothing there, and the answer is a
difference of exactly 0. A new variant is like the product most wanted, is called `new variant`, and takes a
share of its demand.
"""

from __future__ import annotations

import itertools
import math

from taktwin.simulation.changes import (
    DAY_S,
    AlternativeAdded,
    CenterDown,
    Change,
    CrewSized,
    DeliveryScaled,
    DeliveryShifted,
    DemandMoved,
    DemandScaled,
    DueShifted,
    FailureScaled,
    LotSized,
    MoveScaled,
    OperatorsAdded,
    OrderSeries,
    PaceScaled,
    PeopleAbsent,
    QueueSized,
    ReleaseShifted,
    RuleSet,
    SetupScaled,
    ShiftAdded,
    ShiftStretched,
    SkillLearned,
    StockSet,
    ToolsScaled,
    UnitDown,
    UnitsAdded,
    UptimeSet,
    VariantAdded,
    WorkScaled,
    WorkSpread,
    YieldScaled,
)
from taktwin.simulation.model import Rule
from taktwin.simulation.scenario import Scenario

HOUR_S = 3600.0
WEEK_S = 7 * DAY_S
NEW = "new variant"
FAMILY = "new variant"
STEADY = 1000  # parts after which a learning curve counts as learned


def learning(rate: float, parts: int) -> float:
    """Return the time of the n-th part over that of the learned one, by Wright's curve.

    Parameters
    ----------
    rate : time left when the parts made double: 0.85 is usual in assembly, 0.95 where machines set the pace

    Source: Wright, Factors affecting the cost of airplanes, J. Aeronautical Sciences 3 (1936).
    """
    return math.pow(parts / STEADY, math.log2(rate))


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _variant(share: float, *changes: Change, work: float = 1.0, good: float = 1.0) -> tuple[Change, ...]:
    """Return a new variant that takes a share of the product most wanted, and what else is different."""
    return (
        VariantAdded(NEW, "@most", work, good, FAMILY),
        DemandMoved("@most", NEW, share),
        *changes,
    )


def _machines() -> list[Scenario]:
    found = []
    for percent in (98, 95, 92, 88, 85, 80):
        found.append(
            Scenario(
                f"uptime {percent} %",
                (UptimeSet("@all", percent / 100),),
                f"What if every unit is up for {percent} % of its time?",
            )
        )
    for percent in (98, 92, 85, 75):
        found.append(
            Scenario(
                f"bottleneck uptime {percent} %",
                (UptimeSet("@bottleneck", percent / 100),),
                f"What if the bottleneck is up for {percent} % of its time?",
            )
        )
    for hours in (2, 8, 24, 72):
        found.append(
            Scenario(
                f"bottleneck unit down {hours} h",
                (UnitDown("@bottleneck", 0.0, hours * HOUR_S),),
                f"What if one unit of the bottleneck stands still for the first {hours} hours?",
            )
        )
    for hours in (2, 8, 24):
        found.append(
            Scenario(
                f"bottleneck down {hours} h",
                (CenterDown("@bottleneck", DAY_S, DAY_S + hours * HOUR_S),),
                f"What if the whole bottleneck stands still for {hours} hours on the second day?",
            )
        )
    for times, words in ((0.5, "twice as often"), (0.67, "half as often again"), (2.0, "half as often")):
        found.append(
            Scenario(
                f"failures {words}",
                (FailureScaled("@all", time_to_times=times),),
                f"What if everything fails {words}?",
            )
        )
    for times in (0.5, 1.5, 2.0, 3.0):
        found.append(
            Scenario(
                f"repairs take {times:g} times",
                (FailureScaled("@all", repair_times=times),),
                f"What if repairs take {times:g} times as long: spare parts, people, know-how?",
            )
        )
    for percent in (-10, -5, 5, 10, 20):
        found.append(
            Scenario(
                f"bottleneck pace {percent:+d} %",
                (PaceScaled("@bottleneck", 1 + percent / 100),),
                f"What if the bottleneck works {abs(percent)} % {'faster' if percent > 0 else 'slower'}?",
            )
        )
    found.append(
        Scenario("all pace -5 %", (PaceScaled("@all", 0.95),), "What if all is 5 % slower than planned?")
    )
    for count in (1, 2):
        found.append(
            Scenario(
                f"bottleneck + {count}",
                (UnitsAdded("@bottleneck", count),),
                f"What if the bottleneck gets {count} more unit{'s' if count > 1 else ''}?",
            )
        )
    found.append(
        Scenario(
            "second bottleneck",
            (UnitsAdded("@bottleneck", 1), UnitsAdded("@bottleneck", 1)),
            "What if the bottleneck gets a unit, and whatever is the bottleneck then gets one too?",
        )
    )
    found.append(
        Scenario(
            "the idlest helps",
            (AlternativeAdded("@most", "@longest", "@idlest"),),
            "What if the idlest work center can also do the longest step of the product most wanted?",
        )
    )
    return found


def _tools() -> list[Scenario]:
    found = []
    for times in (0.5, 0.75, 1.5):
        found.append(
            Scenario(
                f"tool life {times:g} times",
                (ToolsScaled("@all", life_times=times),),
                f"What if tools live {times:g} times as long in the new material?",
            )
        )
    found.append(
        Scenario(
            "tool shortage",
            (ToolsScaled("@all", change_times=4.0), SetupScaled("@all", 1.5)),
            "What if tools are short: changes take four times as long and set-ups half as long again?",
        )
    )
    for times in (0.0, 0.5, 0.75, 1.25, 1.5, 2.0):
        found.append(
            Scenario(
                f"set-ups {times:g} times",
                (SetupScaled("@all", times),),
                f"What if set-ups take {times:g} times what they take?",
            )
        )
    for parts in (1, 2, 5, 10):
        found.append(
            Scenario(
                f"lots of {parts}",
                (LotSized("@all", parts),),
                f"What if no job has more than {parts} part{'s' if parts > 1 else ''}?",
            )
        )
    for rule in Rule:
        found.append(
            Scenario(
                f"rule {rule}",
                (RuleSet("@all", rule),),
                f"What if all queues are worked off by the rule '{rule}'?",
            )
        )
    for places in (1, 4, 8):
        found.append(
            Scenario(
                f"queue of {places} before the bottleneck",
                (QueueSized("@bottleneck", places),),
                f"What if only {places} job{'s' if places > 1 else ''} can wait before the bottleneck?",
            )
        )
    found.append(
        Scenario(
            "queues without limit",
            (QueueSized("@all", None),),
            "What if there is always room to wait: what do limits cost?",
        )
    )
    for times in (0.5, 2.0, 4.0):
        found.append(
            Scenario(
                f"ways {times:g} times",
                (MoveScaled("@all", "@all", times),),
                f"What if the new layout makes all ways {times:g} times as long?",
            )
        )
    return found


def _people() -> list[Scenario]:
    found = []
    for percent in (5, 10, 20, 30):
        found.append(
            Scenario(
                f"absence {percent} %",
                (PeopleAbsent(percent / 100),),
                f"What if {percent} % of the people are away, as far as skills allow?",
            )
        )
    for count in (1, 2, 4):
        found.append(
            Scenario(
                f"people + {count}",
                (OperatorsAdded(frozenset({"@all"}), count, "helper"),),
                f"What if {count} more {'people' if count > 1 else 'person'} came who can do everything?",
            )
        )
    found.append(
        Scenario(
            "everybody can do everything",
            (SkillLearned("@all", "@all"),),
            "What would training everybody be worth?",
        )
    )
    for people in (1, 2, 4):
        found.append(
            Scenario(
                f"repair crews of {people}",
                (CrewSized("@all", people),),
                f"What if each repair crew has {people} {'people' if people > 1 else 'person'}?",
            )
        )
    for minutes in (-60, -30, 30, 60, 120):
        found.append(
            Scenario(
                f"shifts {minutes:+d} min",
                (ShiftStretched("@all", minutes * 60.0),),
                f"What if every shift ends {abs(minutes)} minutes {'later' if minutes > 0 else 'sooner'}?",
            )
        )
    found.append(
        Scenario(
            "overtime at the bottleneck",
            (ShiftStretched("@bottleneck", 2 * HOUR_S),),
            "What if only the bottleneck works two hours longer each shift?",
        )
    )
    saturday = (5 * DAY_S + 6 * HOUR_S, 5 * DAY_S + 14 * HOUR_S)
    for center, words in (("@all", "the whole plant works"), ("@bottleneck", "the bottleneck works")):
        found.append(
            Scenario(
                f"Saturday, {'all' if center == '@all' else 'bottleneck'}",
                (ShiftAdded(center, *saturday),),
                f"What if {words} on the sixth day from 6 to 14?",
            )
        )
    return found


def _supply() -> list[Scenario]:
    found = []
    for days in (1, 3, 5, 10):
        found.append(
            Scenario(
                f"supplier {_days(days)} late",
                (DeliveryShifted("@all", days * DAY_S),),
                f"What if all deliveries come {_days(days)} late?",
            )
        )
    for percent in (5, 10, 25, 50):
        found.append(
            Scenario(
                f"supplier {percent} % short",
                (DeliveryScaled("@all", 1 - percent / 100),),
                f"What if each delivery is {percent} % short?",
            )
        )
    found.append(
        Scenario("empty stores", (StockSet("@all", 0),), "What if the stores are empty at the start?")
    )
    for days in (1, 3):
        found.append(
            Scenario(
                f"raw parts {_days(days)} late",
                (ReleaseShifted("@most", days * DAY_S),),
                f"What if the orders of the product most wanted can begin only {_days(days)} later?",
            )
        )
    found.append(
        Scenario(
            "supplier 3 days late and Saturday",
            (DeliveryShifted("@all", 3 * DAY_S), ShiftAdded("@all", 5 * DAY_S, 5.5 * DAY_S)),
            "What if the supplier is three days late and a Saturday shift makes up for it?",
        )
    )
    return found


def _demand() -> list[Scenario]:
    found = []
    for percent in (-20, -10, 5, 10, 20, 30):
        found.append(
            Scenario(
                f"demand {percent:+d} %",
                (DemandScaled("@all", 1 + percent / 100),),
                f"What if {abs(percent)} % {'more' if percent > 0 else 'less'} is wanted of everything?",
            )
        )
    for percent in (25, 50, 100):
        found.append(
            Scenario(
                f"most wanted {percent:+d} %",
                (DemandScaled("@most", 1 + percent / 100),),
                f"What if {percent} % more of the product most wanted is ordered?",
            )
        )
    for count in (1, 3, 10):
        found.append(
            Scenario(
                f"rush orders, {count}",
                (OrderSeries("rush", "@most", count, 10, 0.0, DAY_S / 2, 2 * DAY_S, 100),),
                f"What if {count} rush order{'s of ten parts come' if count > 1 else ' of ten parts comes'}, "
                "due two days after?",
            )
        )
    for days in (1, 2):
        found.append(
            Scenario(
                f"due {_days(days)} sooner",
                (DueShifted("@all", -days * DAY_S),),
                f"What if customers want everything {_days(days)} sooner?",
            )
        )
    return found


def _new_model() -> list[Scenario]:
    found = []
    for percent in (5, 10, 25, 50):
        found.append(
            Scenario(
                f"new variant, {percent} %",
                _variant(percent / 100),
                f"What if a variant with a set-up of its own takes {percent} % of the product most wanted?",
            )
        )
    for percent in (10, 30, 50):
        found.append(
            Scenario(
                f"new variant takes {percent} % longer",
                _variant(0.25, work=1 + percent / 100),
                f"What if a quarter is a variant that takes {percent} % longer at each step?",
            )
        )
    for rate in (0.85, 0.95):
        for parts in (20, 100, 500):
            times = learning(rate, parts)
            found.append(
                Scenario(
                    f"learning {rate * 100:.0f} %, part {parts}",
                    _variant(0.25, work=times),
                    f"What if a quarter is a variant that is learned at {rate * 100:.0f} %, at part {parts}: "
                    f"{times:.2f} times the learned time?",
                )
            )
    for week, percent in ((1, 80), (2, 88), (4, 94), (8, 98)):
        found.append(
            Scenario(
                f"yield ramp, week {week}",
                _variant(0.25, YieldScaled(NEW, "@last", percent / 100)),
                f"What if a quarter is a variant with {percent} % of today's yield, as in week {week}?",
            )
        )
    for clusters in (2, 4, 8):
        names = [f"{NEW} {k + 1}" for k in range(clusters)]
        changes: list[Change] = [VariantAdded(name, "@most", family=name) for name in names]
        # Each hands on what is beyond its own share, so that all have the same in the end.
        for place, (source, name) in enumerate(itertools.pairwise(["@most", *names])):
            changes.append(DemandMoved(source, name, (clusters - place) / (clusters + 1 - place)))
        found.append(
            Scenario(
                f"{clusters} variant clusters",
                tuple(changes),
                f"What if the product most wanted becomes {clusters + 1} variants with set-ups of their own?",
            )
        )
    found.append(
        Scenario(
            "new variant, uncertain work",
            _variant(0.25, WorkSpread(NEW, "@all", 1.0)),
            "What if a quarter is a variant whose work spreads as much as its mean?",
        )
    )
    found.append(
        Scenario(
            "new variant in single parts",
            _variant(0.25, LotSized(NEW, 1)),
            "What if a quarter is a variant that is made part by part?",
        )
    )
    found.append(
        Scenario(
            "new variant, one step slow",
            _variant(0.25, WorkScaled(NEW, "@longest", 2.0)),
            "What if a quarter is a variant whose longest step takes twice as long?",
        )
    )
    found.append(
        Scenario(
            "new variant, bad start",
            _variant(
                0.25,
                UptimeSet("@all", 0.92),
                PeopleAbsent(0.1),
                DeliveryShifted("@all", 3 * DAY_S),
                YieldScaled(NEW, "@last", 0.88),
                work=learning(0.85, 100),
            ),
            "What if all comes together, uptime 92 %, a tenth away, supplier late, start of yield and times?",
        )
    )
    found.append(
        Scenario(
            "new variant, bad start, helped",
            _variant(
                0.25,
                UptimeSet("@all", 0.92),
                PeopleAbsent(0.1),
                DeliveryShifted("@all", 3 * DAY_S),
                YieldScaled(NEW, "@last", 0.88),
                UnitsAdded("@bottleneck", 1),
                ShiftAdded("@all", 5 * DAY_S + 6 * HOUR_S, 5 * DAY_S + 14 * HOUR_S),
                work=learning(0.85, 100),
            ),
            "What if all comes together, and a unit at the bottleneck and a Saturday shift help?",
        )
    )
    return found


LIBRARY: dict[str, tuple[Scenario, ...]] = {
    "machines": tuple(_machines()),
    "set-ups, lots and ways": tuple(_tools()),
    "people and shifts": tuple(_people()),
    "supply": tuple(_supply()),
    "demand": tuple(_demand()),
    "new model": tuple(_new_model()),
}


def scenarios() -> tuple[Scenario, ...]:
    """Return all of them."""
    return tuple(scenario for topic in LIBRARY.values() for scenario in topic)
