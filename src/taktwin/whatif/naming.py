"""Changes in the plant's names, and the same in the simulation's; names of units both ways.

Comes in: a change as JSON with work units, operations and orders of the plant. Goes out: changes of the
simulation, or every mistake with its place, what was found and what would be right. An order of the MES is
many jobs there, so one change of an order is many. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from taktwin.plant.registry import Registry
from taktwin.simulation import changes as c
from taktwin.simulation.check import Finding, ModelError, declared
from taktwin.simulation.model import Calendar, Order, Product
from taktwin.simulation.scenario import change_from_json, change_json
from taktwin.simulation.written import as_json, one_of
from taktwin.whatif.fork import Forked
from taktwin.whatif.model import Translated, calendar_over

JOBS_OF_ORDER = 1_000  # an added order goes in at most so many lots
MORE = "+more"  # what a scenario adds to an order of the MES
BEGINS = ("from_s", "first_s")  # fields that say when a change begins
TURN_S_MIN = 3600.0  # of a shift that repeats: each turn is a change of its own
ALWAYS = "always"  # a calendar without a pause

# What a field names, by its name, wherever it is a text; `order` and `calendar` are more than names.
WHAT = {
    "unit": "work unit", "center": "work center", "product": "product", "like": "product", "to": "product",
    "step": "operation", "rework_to": "operation", "order": "order", "operator": "operator", "crew": "crew",
    "material": "material", "skill": "skill", "skills": "skill",
}  # fmt: skip
SELECTORS = {
    "work unit": ("@all", *c.SELECTORS["unit"]), "work center": ("@all", *c.SELECTORS["work center"]),
    "product": ("@all", *c.SELECTORS["product"]), "operation": tuple(c.STEP_SELECTORS),
    "order": ("@all", *c.SELECTORS["order"]), "operator": ("@all", *c.SELECTORS["operator"]),
    "crew": ("@all",), "material": ("@all",), "delivered material": ("@all",), "skill": ("@all",),
}  # fmt: skip


def what_of(kind: type[c.Change], field: str) -> str:
    """Return what a field of a kind of change names; "" nothing, or something that is new or an object."""
    if field == "material" and issubclass(kind, c.DeliveryShifted | c.DeliveryScaled):
        return "delivered material"
    hint = declared(kind)[field]
    return WHAT.get(field, "") if hint in (str, str | None, frozenset[str]) else ""


class Names:
    """The names of one plant as it stands."""

    def __init__(
        self, registry: Registry, model: Translated, fork: Forked, ordered: Mapping[str, int], *,
        now_ns: int, horizon_s: float,
    ) -> None:  # fmt: skip
        """Take the names out of a plant; `ordered` is how many parts each order of the MES is about."""
        self._registry, self._ordered = registry, ordered
        self._now_ns, self._horizon_s = now_ns, horizon_s
        self._unit_of = dict(model.unit_of)
        self._work_unit_of = {name: unit for unit, name in model.unit_of.items()}
        units: dict[str, list[str]] = {}
        for unit, center in model.center_of.items():
            units.setdefault(center, []).append(unit)
        # A work center of one unit is that unit.
        self._shown = {center: mine[0] if len(mine) == 1 else center for center, mine in units.items()}
        self._center_of = {name: center for center, name in self._shown.items()} | {n: n for n in units}
        self._groups = {unit: center for unit, center in model.center_of.items() if len(units[center]) > 1}
        self._parts: dict[str, list[Order]] = {each.request: [] for each in fork.wanted}
        for order, place in zip(fork.plant.orders, fork.request_of, strict=True):
            if place >= 0:
                self._parts[fork.wanted[place].request].append(order)
        self._begun = {job.order for job in fork.start.jobs}
        skills = {step.skill for product in fork.plant.products for step in product.steps} - {None}
        skills |= {skill for each in fork.plant.operators for skill in each.skills}
        self.known: dict[str, list[str]] = {
            "work unit": sorted(self._unit_of),
            "work center": sorted(self._shown.values()),
            "product": [each.name for each in fork.plant.products],
            "operation": sorted({s.name for each in fork.plant.products for s in each.steps}, key=_number),
            "order": list(self._parts),
            "operator": [each.name for each in fork.plant.operators],
            "crew": [each.name for each in fork.plant.crews],
            "material": [each.name for each in fork.plant.materials],
            "delivered material": sorted({each.material for each in fork.plant.deliveries}),
            "skill": sorted(str(each) for each in skills),
            "calendar": sorted({*map(str, registry.calendars), ALWAYS}),
        }

    # -- back to the plant

    def work_unit(self, unit: str) -> str:
        """Return the work unit that a unit of the simulation is; one that a scenario adds has none."""
        return self._work_unit_of.get(unit, unit)

    def center(self, center: str) -> str:
        """Return what the plant calls a work center."""
        return self._shown.get(center, center)

    def title(self, what: str, name: str) -> str:
        """Return what the floor calls something of the plant; its name where it has no other."""
        if what in ("work unit", "work center"):
            units = [unit for unit, center in self._groups.items() if center == name] or [name]
            return ", ".join(self._registry.equipment[each].name or each for each in units)  # type: ignore[index]
        if what == "product" and name in self._registry.products:
            return self._registry.products[name].name or name
        return name

    def plain(self, text: str) -> str:
        """Return a text with the plant's names for units."""
        for name in sorted(self._work_unit_of, key=len, reverse=True):
            text = re.sub(rf"\b{re.escape(name)}(?![\w.])", self._work_unit_of[name], text)
        return text

    def written(self, change: c.Change) -> dict[str, Any]:
        """Return a change of the simulation as JSON with the plant's names."""
        document = change_json(change)
        for each in fields(change):
            what = what_of(type(change), each.name)
            if what == "work unit" and each.name in document:
                document[each.name] = self.work_unit(document[each.name])
            elif what == "work center" and each.name in document:
                document[each.name] = self.center(document[each.name])
        return document

    # -- to the simulation

    def read(
        self, document: Mapping[str, Any], place: str, added: Container[str] = ()
    ) -> tuple[c.Change, ...]:
        """Return the changes that one change of the plant is.

        Parameters
        ----------
        added : work centers and products that the scenario adds, which its changes may name

        Raises
        ------
        ModelError
            With every mistake, in the plant's names.
        """
        kind = c.KINDS.get(str(document.get("change")))
        if kind is None:
            raise ModelError(
                [
                    Finding(
                        f"{place}.change",
                        repr(document.get("change")),
                        one_of(document.get("change"), c.KINDS),
                    )
                ]
            )
        place = f"{place} ({document['change']})"
        findings: list[Finding] = []
        said: dict[str, Any] = dict(document)
        for each in fields(kind):
            if each.name not in said:
                continue
            what = what_of(kind, each.name)
            if what:
                if what in ("work center", "product") and said[each.name] in added:
                    continue
                said[each.name] = self._renamed(what, said[each.name], f"{place}, {each.name}", findings)
        field = next((name for name in BEGINS if name in said), "")
        begins = said.get(field)
        if isinstance(begins, int | float) and begins >= self._horizon_s:
            expected = f"a time that begins within the horizon of {self._horizon_s:g} s"
            findings.append(Finding(f"{place}, {field}", f"{begins:g}", expected))
        if findings:
            if kind not in (c.CalendarSet, c.ProductAdded):  # what is wrong beside the names
                try:
                    change_from_json(said, place)
                except ModelError as error:
                    findings += error.findings
            raise ModelError(findings)
        if kind is c.CalendarSet and isinstance(said.get("calendar"), str):
            said["calendar"] = self._calendar(said["calendar"], f"{place}, calendar")
        if kind is c.ProductAdded:
            said["product"] = self._route(said.get("product"), place, added)
        change = change_from_json(said, place)
        return tuple(self._expanded(change, place))

    def _renamed(self, what: str, said: Any, place: str, findings: list[Finding]) -> Any:
        if isinstance(said, list):
            return [self._renamed(what, each, place, findings) for each in said]
        if what == "operation" and isinstance(said, int) and not isinstance(said, bool):
            said = str(said)
        if not isinstance(said, str) or said in SELECTORS[what]:
            return said  # of another type: whoever reads it says so
        if what == "work unit" and said in self._unit_of:
            return self._unit_of[said]
        if what == "work center" and said in self._center_of:
            return self._center_of[said]
        if what == "work center" and said in self._groups:
            center = self._groups[said]
            mates = ", ".join(sorted(unit for unit, mine in self._groups.items() if mine == center))
            findings.append(Finding(place, repr(said), f"{center!r}: {mates} work from one queue"))
            return said
        if said in self.known[what]:
            return said
        findings.append(Finding(place, f"unknown {what} {said!r}", one_of(said, self.known[what])))
        return said

    def _route(self, product: Any, place: str, added: Container[str]) -> Any:
        """Return a new product with the work centers of its steps as the simulation calls them."""
        if not isinstance(product, Mapping) or not isinstance(product.get("steps"), list):
            return product
        findings: list[Finding] = []
        steps = []
        for number, step in enumerate(product["steps"]):
            if isinstance(step, Mapping) and "center" in step and step["center"] not in added:
                here = f"{place}, steps[{number}].center"
                step = {**step, "center": self._renamed("work center", step["center"], here, findings)}
            steps.append(step)
        if findings:
            raise ModelError(findings)
        return {**product, "steps": steps}

    def _calendar(self, name: str, place: str) -> Any:
        """Return a calendar of the plant over the horizon, as a change has it."""
        if name not in self.known["calendar"]:
            raise ModelError(
                [Finding(place, f"unknown calendar {name!r}", one_of(name, self.known["calendar"]))]
            )
        calendar = self._registry.calendars.get(name)
        if calendar is None or calendar.always:
            period_s = self._horizon_s + 7200.0
            return as_json(Calendar(name, period_s, ((0.0, period_s),)))
        return as_json(calendar_over(self._registry, name, self._now_ns, self._horizon_s))

    # -- one change of the plant that is many here

    def _expanded(self, change: c.Change, place: str) -> Iterator[c.Change]:
        if isinstance(change, c.OrderAdded):
            yield c.OrderAdded(self._in_lots(change.order, place))
        elif isinstance(change, c.OrderSeries):
            yield from self._series(change, place)
        elif isinstance(change, c.ProductAdded):
            self._check_arrivals(change.product, place)
            yield change
        elif isinstance(change, c.OrderRemoved):
            orders = self._orders(change.order)
            # Of several, those that are begun stay, as `asking.stay` says; if that is all of them, the first
            # says why.
            some = [order for order in orders if self._free(order)] or orders
            yield from (c.OrderRemoved(each.name) for order in some for each in self._not_begun(order, place))
        elif isinstance(change, c.OrderChanged):
            for order in self._orders(change.order):
                yield from self._changed(order, change, place)
        elif isinstance(change, c.ShiftAdded | c.ShiftCut) and change.every_s is not None:
            # Calendars are laid out over the horizon and do not repeat: each turn is a shift of its own.
            if change.every_s < TURN_S_MIN:
                expected = f"{TURN_S_MIN:g}, an hour, or more"
                raise ModelError([Finding(f"{place}, every_s", f"{change.every_s:g}", expected)])
            for turn in range(math.ceil((self._horizon_s - change.from_s) / change.every_s)):
                later_s = turn * change.every_s
                yield replace(
                    change, from_s=change.from_s + later_s, to_s=change.to_s + later_s, every_s=None
                )
        else:
            yield change

    def _orders(self, said: str) -> list[str]:
        """Return the orders of the MES that a name or a selector means."""
        if not said.startswith("@"):
            return [said]
        names = list(self._parts)
        if said == "@all":
            return names
        sizes = {name: sum(each.quantity for each in parts) for name, parts in self._parts.items()}
        picks = {
            "@first": names[:1],
            "@last": names[-1:],
            "@largest": [max(names, key=sizes.__getitem__)] if names else [],
        }
        return picks[said]

    def _free(self, order: str) -> list[Order]:
        """Return the parts of an order that nobody has begun."""
        return [each for each in self._parts[order] if each.name not in self._begun]

    @property
    def all_begun(self) -> list[str]:
        """Return the orders of which every part is begun, or none is left: nothing can be taken back."""
        return [order for order in self._parts if not self._free(order)]

    def _not_begun(self, order: str, place: str) -> list[Order]:
        parts = self._free(order)
        if not parts:
            found = f"order {order}, of which every part is begun"
            raise ModelError([Finding(f"{place}, order", found, "an order with parts that nobody has begun")])
        return parts

    def _changed(self, order: str, change: c.OrderChanged, place: str) -> Iterator[c.Change]:
        parts = self._parts[order]
        if change.quantity is not None:
            more = change.quantity - self._ordered[order]
            if more < 0:
                free = self._not_begun(order, place)
                if -more > sum(each.quantity for each in free):
                    begun = self._ordered[order] - sum(each.quantity for each in free)
                    expected = f"{begun} or more: so many parts of {order} are begun"
                    raise ModelError([Finding(f"{place}, quantity", f"{change.quantity}", expected)])
                while more < 0:
                    last = free.pop()
                    more += last.quantity
                    if more > 0:  # a piece of several parts, of which some stay
                        yield c.OrderChanged(last.name, quantity=more)
                        break
                    parts = [each for each in parts if each is not last]
                    yield c.OrderRemoved(last.name)
            elif more > 0 and not parts:
                expected = f"an order that is under way: no part of {order} is left; or a new order"
                raise ModelError([Finding(f"{place}, quantity", f"{change.quantity}", expected)])
            elif more > 0:
                like = parts[-1]
                added = replace(like, name=f"{order}{MORE}", quantity=more)
                yield c.OrderAdded(self._in_lots(added, place))
                parts = [*parts, added]
        rest = replace(change, quantity=None)
        if rest != c.OrderChanged(change.order):
            yield from (replace(rest, order=each.name) for each in parts)

    def _check_arrivals(self, product: Product, place: str) -> None:
        """Refuse parts that come by themselves, and are more than a scenario may bring."""
        if product.arrivals is None or product.arrivals.mean_s * c.JOBS_MAX >= self._horizon_s:
            return
        found = f"one every {product.arrivals.mean_s:g} s"
        expected = (
            f"one every {self._horizon_s / c.JOBS_MAX:g} s or less often: {c.JOBS_MAX:,} in the horizon"
        )
        raise ModelError([Finding(f"{place}, product.arrivals", found, expected)])

    def _series(self, change: c.OrderSeries, place: str) -> Iterator[c.Change]:
        lots = min(change.quantity, JOBS_OF_ORDER)
        if change.count * lots > c.JOBS_MAX:
            found = f"{change.count:,} orders, each in {lots:,} jobs"
            expected = f"at most {c.JOBS_MAX // lots:,}: {c.JOBS_MAX:,} jobs"
            raise ModelError([Finding(f"{place}, count", found, expected)])
        for turn in range(change.count):
            at_s = change.first_s + turn * change.every_s
            due_s = None if change.due_after_s is None else at_s + change.due_after_s
            order = Order(
                f"{change.name}.{turn + 1}", change.product, change.quantity, at_s, due_s, change.priority
            )
            yield c.OrderAdded(self._in_lots(order, place))

    def _in_lots(self, order: Order, place: str) -> Order:
        """Return an order whose parts go on as soon as they are made, as those of the MES do."""
        if order.name in self._parts:
            raise ModelError(
                [Finding(f"{place}, name", f"{order.name!r}, which there is already", "a new name")]
            )
        return order if order.lots > 1 else replace(order, lots=max(1, min(order.quantity, JOBS_OF_ORDER)))


def request_of(job: str, parts: Mapping[str, str]) -> str:
    """Return the order that a job is for; its own name if it is of no order that the plant had.

    Parameters
    ----------
    parts : job -> order of the MES, of those that the plant had; copies and pieces are named after theirs
    """
    if job in parts:
        return parts[job]
    like = job.rpartition("+")[0] if "+" in job else c.order_of(job)
    return parts.get(like, parts.get(c.order_of(like), job))


def _number(step: str) -> tuple[int, str]:
    return (int(step), "") if step.isdecimal() else (0, step)
