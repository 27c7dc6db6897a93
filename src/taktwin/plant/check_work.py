"""What may be wrong in work: calendars, people, products, routings, quality, money, authority, demo."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from taktwin.contracts.commands import ROLES
from taktwin.plant import schema
from taktwin.plant.check_assets import STORES
from taktwin.plant.expand import flatten
from taktwin.plant.load import Literally, Loaded
from taktwin.plant.references import HIDDEN, PARTS_MAX, SECONDS_MAX, known, known_unit

MINUTES_A_DAY = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AUTHORITIES = ("mes", "erp", "plm", "qms", "l2", "twin", "ai", "cmms", "rtls", "vision", "scale")


def check(loaded: Loaded, plant: schema.Plant) -> None:
    """Note the mistakes of everything that is about work and not about signals or space."""
    for calendar_id, calendar in plant.calendars.items():
        _check_calendar(loaded, f"calendars.{calendar_id}", calendar)
    _check_people(loaded, plant)
    for product_id, product in plant.products.items():
        _check_product(loaded, plant, product_id, product)
    for routing_id, routing in plant.routings.items():
        for number, operation in enumerate(routing.operations):
            _check_operation(loaded, plant, f"routings.{routing_id}.operations[{number}]", operation)
    for route_id, route in plant.rework_routes.items():
        _check_rework(loaded, plant, f"rework_routes.{route_id}", route)
    for gauge_id, gauge in plant.gauges.items():
        if not 1 <= gauge.calibrate_every_days <= 10_000:
            at = f"gauges.{gauge_id}.calibrate_every_days"
            loaded.add(at, gauge.calibrate_every_days, "days from 1 to 10000")
    for spare_id, spare in plant.spare_parts.items():
        if spare.minimum < 0:
            loaded.add(f"spare_parts.{spare_id}.minimum", spare.minimum, "0 or more")
    for plan_id, plan in plant.maintenance_plans.items():
        _check_plan(loaded, plant, f"maintenance_plans.{plan_id}", plan)
    for characteristic_id, characteristic in plant.characteristics.items():
        _check_characteristic(loaded, plant, f"characteristics.{characteristic_id}", characteristic)
    for code, defect in plant.defects.items():
        for number, name in enumerate(defect.classes):
            known(loaded, f"defects.{code}.classes[{number}]", name, "classes", plant.classes)
        for number, name in enumerate(defect.products):
            known(loaded, f"defects.{code}.products[{number}]", name, "products", plant.products)
    _check_stop_reasons(loaded, plant)
    for checklist_id, checklist in plant.checklists.items():
        _check_checklist(loaded, plant, f"checklists.{checklist_id}", checklist)
    if not 1 <= plant.late_bookings_h <= 24 * 31:
        loaded.add("late_bookings_h", plant.late_bookings_h, "hours from 1 to 744")
    if plant.economics is not None:
        _check_economics(loaded, plant, plant.economics)
    for domain, rule in plant.authority.items():
        for number, peer in enumerate(rule.peers):
            known(loaded, f"authority.{domain}.peers[{number}]", peer, "authority", AUTHORITIES)
            if peer == rule.authority:
                loaded.add(
                    f"authority.{domain}.peers[{number}]", peer, "another one than the authority itself"
                )
    _check_demo(loaded, plant)


def _check_stop_reasons(loaded: Loaded, plant: schema.Plant) -> None:
    groups: dict[str, str] = {}  # code -> group
    recommends: dict[tuple[str, str], str] = {}  # (equipment class, machine code) -> reason
    for group_id, group in plant.stop_reasons.items():
        if not group.reasons:
            loaded.add(f"stop_reasons.{group_id}.reasons", {}, "one reason or more")
        for code, reason in group.reasons.items():
            at = f"stop_reasons.{group_id}.reasons.{code}"
            if code in groups:
                loaded.add(at, code, f"a code of its own: it is in {groups[code]} already")
            groups[code] = group_id
            if reason.element == "planned_down" and not reason.planned:
                right = "one that counts: only what is planned leaves planned busy time"
                loaded.add(f"{at}.element", reason.element, right)
            for number, name in enumerate(reason.classes):
                known(loaded, f"{at}.classes[{number}]", name, "classes", plant.classes)
            for number, own in enumerate(reason.machine_codes):
                for place in reason.classes or [""]:
                    if recommends.setdefault((place, own), code) != code:
                        right = f"a code that does not recommend {recommends[place, own]} already"
                        loaded.add(f"{at}.machine_codes[{number}]", own, right)
    for equipment_id, equipment in plant.equipment.items():
        _check_short_stop(loaded, f"equipment.{equipment_id}", equipment.properties)
    for class_id, definition in plant.classes.items():
        _check_short_stop(loaded, f"classes.{class_id}", definition.properties)


def _check_short_stop(loaded: Loaded, at: str, properties: Mapping[str, Any]) -> None:
    value = properties.get("short_stop_s", 1)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 3_600:
        loaded.add(f"{at}.properties.short_stop_s", value, "seconds from 1 to 3600")


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:5])


def _check_calendar(loaded: Loaded, at: str, calendar: schema.Calendar) -> None:
    broken = any(path.startswith(f"{at}.shifts") for path in loaded.broken)
    if calendar.always and calendar.shifts:
        loaded.add(f"{at}.always", True, "always: true or shifts, not both")
    elif not calendar.always and not calendar.shifts and not broken:
        loaded.add(f"{at}.shifts", Literally("nothing"), "shifts, or always: true")
    # One week in minutes, and the shift that takes each of them: an overlap is found where it begins.
    week: list[tuple[int, int, str]] = []
    for shift_id, shift in calendar.shifts.items():
        start, end = _minutes(shift.start), _minutes(shift.end)
        if start == end:
            loaded.add(f"{at}.shifts.{shift_id}.to", shift.end, "another time than from")
            continue
        length = (end - start) % MINUTES_A_DAY
        if not shift.days:
            loaded.add(
                f"{at}.shifts.{shift_id}.days", Literally("an empty list"), "the days on which it starts"
            )
        for day in dict.fromkeys(shift.days):
            first = WEEKDAYS.index(day) * MINUTES_A_DAY + start
            week.append((first, first + length, shift_id))
        for number, pause in enumerate(shift.breaks):
            _check_break(loaded, f"{at}.shifts.{shift_id}.breaks[{number}]", shift, pause, start, length)
    week.sort()
    # The week begins anew: what lasts beyond Sunday night meets Monday's first shift.
    week += [(start + 7 * MINUTES_A_DAY, end + 7 * MINUTES_A_DAY, name) for start, end, name in week[:1]]
    said: set[str] = set()
    busy_until, before = -1, ""
    for start, end, shift_id in week:
        if start < busy_until and shift_id not in (before, *said):
            said.add(shift_id)
            other = calendar.shifts[before]
            right = f"{other.end} or later; {before} lasts from {other.start} to {other.end}"
            loaded.add(f"{at}.shifts.{shift_id}.from", calendar.shifts[shift_id].start, right)
        if end > busy_until:
            busy_until, before = end, shift_id


def _check_break(
    loaded: Loaded, at: str, shift: schema.Shift, pause: schema.Break, start: int, length: int
) -> None:
    first = (_minutes(pause.start) - start) % MINUTES_A_DAY
    last = (_minutes(pause.end) - start) % MINUTES_A_DAY
    if not first < last <= length:
        right = f"a break inside the shift, {shift.start} to {shift.end}"
        loaded.add(at, f"{pause.start} to {pause.end}", right)


def _check_people(loaded: Loaded, plant: schema.Plant) -> None:
    for class_id, personnel in plant.personnel_classes.items():
        for number, name in enumerate(personnel.qualified_for):
            known(
                loaded,
                f"personnel_classes.{class_id}.qualified_for[{number}]",
                name,
                "classes",
                plant.classes,
            )
    for person_id, person in plant.people.items():
        for number, name in enumerate(person.classes):
            known(
                loaded,
                f"people.{person_id}.classes[{number}]",
                name,
                "personnel_classes",
                plant.personnel_classes,
            )


def _check_product(loaded: Loaded, plant: schema.Plant, product_id: str, product: schema.Product) -> None:
    at = f"products.{product_id}"
    known_unit(loaded, f"{at}.unit", product.unit)
    if product.routing:
        known(loaded, f"{at}.routing", product.routing, "routings", plant.routings)
    elif product.make:
        loaded.add(f"{at}.routing", Literally("nothing"), "the routing that makes it, or make: false")
    for number, item in enumerate(product.bill_of_material):
        path = f"{at}.bill_of_material[{number}]"
        known(loaded, f"{path}.product", item.product, "products", plant.products)
        if item.quantity <= 0:
            loaded.add(f"{path}.quantity", item.quantity, "more than 0")
        known_unit(loaded, f"{path}.unit", item.unit)
        circle = _way_back(plant, item.product, product_id)
        # Said once for a circle: at the product whose name comes first.
        if circle and product_id == min([product_id, *circle]):
            way = " > ".join([product_id, *circle, product_id])
            loaded.add(f"{path}.product", item.product, f"parts that do not contain {product_id} ({way})")
    _check_consumed(loaded, plant, product_id, product)


def _check_rework(loaded: Loaded, plant: schema.Plant, at: str, route: schema.ReworkRoute) -> None:
    if not route.steps:
        loaded.add(f"{at}.steps", Literally("nothing"), "1 step or more")
    for number, step in enumerate(route.steps):
        known(loaded, f"{at}.steps[{number}].class", step.equipment_class, "classes", plant.classes)
    for number, name in enumerate(route.products):
        known(loaded, f"{at}.products[{number}]", name, "products", plant.products)
        product = plant.products.get(name)
        routing = plant.routings.get(product.routing) if product is not None else None
        names = [] if routing is None else [operation.name for operation in routing.operations]
        if product is not None and route.back_to not in names:
            loaded.add(f"{at}.back_to", route.back_to, f"an operation of {name}: {', '.join(names)}")


def _check_consumed(loaded: Loaded, plant: schema.Plant, product_id: str, product: schema.Product) -> None:
    """Say where operations take what the product does not hold, or leave out what it does."""
    routing = plant.routings.get(product.routing)
    if routing is None or not any(operation.consumes for operation in routing.operations):
        return
    bill = [item.product for item in product.bill_of_material]
    taken = [name for operation in routing.operations for name in operation.consumes]
    for number, operation in enumerate(routing.operations):
        at = f"routings.{product.routing}.operations[{number}].consumes"
        for name in operation.consumes:
            if name not in bill:
                loaded.add(at, name, f"one of the bill of material of {product_id}: {', '.join(bill)}")
            elif taken.count(name) > 1:
                loaded.add(at, name, "consumed at one operation only")
    for name in bill:
        if name not in taken:
            loaded.add(f"products.{product_id}.bill_of_material", name,
                       f"consumed at an operation of {product.routing}")  # fmt: skip


def _way_back(plant: schema.Plant, start: str, goal: str) -> list[str]:
    """Return the products from `start` to the one that contains `goal`, [] if there is no way."""
    before: dict[str, str] = {start: ""}
    waiting = [start]
    while waiting:
        name = waiting.pop(0)
        if name == goal:
            return [start] if start == goal else []
        product = plant.products.get(name)
        for item in product.bill_of_material if product is not None else []:
            if item.product == goal:
                way = [name]
                while before[way[0]]:
                    way.insert(0, before[way[0]])
                return way
            if item.product not in before:
                before[item.product] = name
                waiting.append(item.product)
    return []


def _check_checklist(loaded: Loaded, plant: schema.Plant, at: str, checklist: schema.Checklist) -> None:
    for number, name in enumerate(checklist.products):
        known(loaded, f"{at}.products[{number}]", name, "products", plant.products)
    operations = {step.name: step for routing in plant.routings.values() for step in routing.operations}
    known(loaded, f"{at}.operation", checklist.operation, "operations of routings", operations)
    if not checklist.items:
        loaded.add(f"{at}.items", Literally("nothing"), "one item or more")
    for name, item in checklist.items.items():
        path = f"{at}.items.{name}"
        if item.kind == "number":
            known_unit(loaded, f"{path}.unit", item.unit)
        elif item.unit or item.lower is not None or item.upper is not None:
            loaded.add(path, item.kind, "kind: number where it has a unit or limits")
        if item.lower is not None and item.upper is not None and item.lower > item.upper:
            loaded.add(f"{path}.lower", item.lower, f"at most upper, which is {item.upper:g}")


def _check_operation(loaded: Loaded, plant: schema.Plant, at: str, operation: schema.Operation) -> None:
    known(loaded, f"{at}.class", operation.equipment_class, "classes", plant.classes)
    for number, name in enumerate(operation.equipment):
        path = f"{at}.equipment[{number}]"
        if known(loaded, path, name, "equipment", plant.equipment):
            equipment = plant.equipment.get(name)
            if equipment is not None and equipment.equipment_class != operation.equipment_class:
                loaded.add(
                    path,
                    name,
                    f"equipment of class {operation.equipment_class}; it is a {equipment.equipment_class}",
                )
    if not 0 < operation.standard_time_s <= SECONDS_MAX:
        loaded.add(
            f"{at}.standard_time_s", operation.standard_time_s, f"seconds above 0, at most {SECONDS_MAX}"
        )
    if not 0 <= operation.setup_s <= SECONDS_MAX:
        loaded.add(f"{at}.setup_s", operation.setup_s, f"seconds from 0 to {SECONDS_MAX}")
    if not 1 <= operation.batch <= PARTS_MAX:
        loaded.add(f"{at}.batch", operation.batch, f"1 to {PARTS_MAX} parts")
    for number, skill in enumerate(operation.skills):
        known(loaded, f"{at}.skills[{number}]", skill, "personnel_classes", plant.personnel_classes)
    for number, tool in enumerate(operation.tools):
        known(loaded, f"{at}.tools[{number}]", tool, "tools", plant.tools)
    for name, parameter in operation.parameters.items():
        path = f"{at}.parameters.{name}"
        known_unit(loaded, f"{path}.unit", parameter.unit)
        _check_between(
            loaded,
            path,
            "target",
            parameter.target,
            "minimum",
            parameter.minimum,
            "maximum",
            parameter.maximum,
        )


def _check_plan(loaded: Loaded, plant: schema.Plant, at: str, plan: schema.MaintenancePlan) -> None:
    if not plan.equipment:
        loaded.add(f"{at}.equipment", Literally("an empty list"), "the work units that it is for")
    for number, name in enumerate(plan.equipment):
        path = f"{at}.equipment[{number}]"
        if known(loaded, path, name, "equipment", plant.equipment) and name in plant.equipment:
            equipment = plant.equipment[name]
            of_class = plant.classes.get(equipment.equipment_class)
            level = equipment.level or (of_class.level if of_class is not None else "WorkUnit")
            if level != "WorkUnit":
                loaded.add(path, name, f"a work unit; it is a {level}")
        if plan.equipment.index(name) < number:
            loaded.add(path, name, "each work unit once")
    if plan.every_parts is None and plan.every_h is None:
        loaded.add(at, Literally("no interval"), "every_parts, every_h or both")
    if plan.every_parts is not None and plan.every_parts < 1:
        loaded.add(f"{at}.every_parts", plan.every_parts, "1 part or more")
    if plan.every_h is not None and not 0.1 <= plan.every_h <= 100_000:
        loaded.add(f"{at}.every_h", plan.every_h, "hours from 0.1 to 100000")
    for spare, quantity in plan.spare_parts.items():
        known(loaded, f"{at}.spare_parts.{spare}", spare, "spare_parts", plant.spare_parts)
        if quantity < 1:
            loaded.add(f"{at}.spare_parts.{spare}", quantity, "1 or more")


def _check_characteristic(
    loaded: Loaded, plant: schema.Plant, at: str, characteristic: schema.Characteristic
) -> None:
    for number, name in enumerate(characteristic.products):
        known(loaded, f"{at}.products[{number}]", name, "products", plant.products)
    known_unit(loaded, f"{at}.unit", characteristic.unit)
    if characteristic.sample_every < 1:
        loaded.add(f"{at}.sample_every", characteristic.sample_every, "1 (each part) or more")
    _check_between(
        loaded,
        at,
        "nominal",
        characteristic.nominal,
        "lower",
        characteristic.lower,
        "upper",
        characteristic.upper,
    )
    limits = (characteristic.nominal, characteristic.lower, characteristic.upper)
    if characteristic.attribute:
        for name, limit in zip(("nominal", "lower", "upper"), limits, strict=True):
            if limit is not None:
                loaded.add(f"{at}.{name}", limit, "nothing: a yes or no has no limits")
        if characteristic.signal:
            loaded.add(f"{at}.signal", characteristic.signal, "nothing: people say yes or no")
    elif characteristic.lower is None and characteristic.upper is None:
        loaded.add(at, Literally("no limit"), "lower, upper or both; attribute: true where it is a yes or no")
    for name, limit in zip(("nominal", "lower", "upper"), limits, strict=True):
        if limit is None:
            continue
        if characteristic.minimum is not None and limit < characteristic.minimum:
            loaded.add(f"{at}.minimum", characteristic.minimum, f"at most {name}, {limit}")
        if characteristic.maximum is not None and limit > characteristic.maximum:
            loaded.add(f"{at}.maximum", characteristic.maximum, f"at least {name}, {limit}")
    if characteristic.measured_by:
        known(loaded, f"{at}.measured_by", characteristic.measured_by, "classes", plant.classes)
    if characteristic.signal:
        flat = flatten(plant, characteristic.measured_by)
        if flat is not None:
            section = f"classes.{characteristic.measured_by}.signals"
            known(loaded, f"{at}.signal", characteristic.signal, section, flat.signals)
            _check_its_signal(loaded, at, characteristic, flat.signals.get(characteristic.signal))


def _check_its_signal(
    loaded: Loaded, at: str, characteristic: schema.Characteristic, signal: schema.SignalDefinition | None
) -> None:
    if signal is None:
        return
    if signal.type not in schema.NUMBER_TYPES:
        loaded.add(f"{at}.signal", characteristic.signal, f"a signal of a number type, not {signal.type}")
    elif signal.unit != characteristic.unit:
        says = f"{characteristic.signal} of {characteristic.measured_by} measures"
        loaded.add(f"{at}.unit", characteristic.unit, f"{signal.unit!r}, in which {says}")


def _check_between(
    loaded: Loaded,
    at: str,
    name: str,
    value: float | None,
    low_name: str,
    low: float | None,
    high_name: str,
    high: float | None,
) -> None:
    if low is not None and high is not None and low >= high:
        loaded.add(f"{at}.{high_name}", high, f"above {low_name}, {low:g}")
    elif value is not None and ((low is not None and value < low) or (high is not None and value > high)):
        told = f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}"
        loaded.add(f"{at}.{name}", value, f"inside its limits, {told}")


def _check_economics(loaded: Loaded, plant: schema.Plant, economics: schema.Economics) -> None:
    for field in ("contribution_per_part", "scrap_cost_per_part"):
        for product in getattr(economics, field):
            known(loaded, f"economics.{field}.{product}", product, "products", plant.products)
    for tool in economics.tool_cost:
        known(loaded, f"economics.tool_cost.{tool}", tool, "tools", plant.tools)
    for equipment in economics.stop_cost_per_h:
        known(loaded, f"economics.stop_cost_per_h.{equipment}", equipment, "equipment", plant.equipment)


def _check_demo(loaded: Loaded, plant: schema.Plant) -> None:
    for field in ("physics", "recording"):
        name = plant.demo.get(field)
        if name is not None and not (isinstance(name, str) and (loaded.folder / name).is_file()):
            loaded.add(f"demo.{field}", name, "a file beside plant.yaml")
    _check_demo_people(loaded, plant)
    _check_demo_accounts(loaded, plant)
    _check_demo_stock(loaded, plant)
    connection = plant.demo.get("connection")
    if connection is not None:
        known(loaded, "demo.connection", str(connection), "connections", plant.connections)


def _check_demo_people(loaded: Loaded, plant: schema.Plant) -> None:
    people = plant.demo.get("people", {})
    if not isinstance(people, dict):
        loaded.add("demo.people", people, "a mapping of numbers")
        return
    for person, said in people.items():
        at = f"demo.people.{person}"
        known(loaded, at, person, "people", plant.people)
        if not isinstance(said, dict):
            loaded.add(at, said, "pin, badge, printed_name, certificates")
            continue
        for field, value in said.items():
            if field not in ("pin", "badge", "printed_name", "certificates"):
                loaded.add(f"{at}.{field}", value, "pin, badge, printed_name or certificates")
            elif field != "certificates" and not isinstance(value, str):
                loaded.add(f"{at}.{field}", HIDDEN, f'a text: {field}: "..."')
        certificates = said.get("certificates", {})
        if not isinstance(certificates, dict):
            loaded.add(f"{at}.certificates", certificates, "a mapping of skills")
            continue
        for skill, days in certificates.items():
            known(loaded, f"{at}.certificates.{skill}", skill, "personnel_classes", plant.personnel_classes)
            if isinstance(days, bool) or not isinstance(days, int | float) or abs(days) > 10_000:
                loaded.add(f"{at}.certificates.{skill}", days, "days from the first start, 10,000 at most")


def _check_demo_accounts(loaded: Loaded, plant: schema.Plant) -> None:
    accounts = plant.demo.get("accounts", {})
    if not isinstance(accounts, dict):
        loaded.add("demo.accounts", accounts, "a mapping of accounts")
        return
    for account, said in accounts.items():
        at = f"demo.accounts.{account}"
        if not isinstance(said, dict) or not isinstance(said.get("password"), str):
            loaded.add(at, HIDDEN, "password, roles, and printed_name if it has one")
            continue
        roles = said.get("roles", {})
        if not isinstance(roles, dict) or not all(isinstance(scopes, list) for scopes in roles.values()):
            loaded.add(f"{at}.roles", HIDDEN, "a list of parts of the plant for each role")
            continue
        for role in roles:
            if role not in ROLES:
                loaded.add(f"{at}.roles.{role}", role, f"one of {', '.join(ROLES)}")


def _check_demo_stock(loaded: Loaded, plant: schema.Plant) -> None:
    stock = plant.demo.get("stock", {})
    if not isinstance(stock, dict):
        loaded.add("demo.stock", stock, "a mapping of lots")
        return
    stores = {name: each for name, each in plant.equipment.items() if each.level in STORES}
    for lot, said in stock.items():
        at = f"demo.stock.{lot}"
        if not isinstance(said, dict) or set(said) != {"product", "quantity", "location"}:
            loaded.add(at, said, "product, quantity and location")
            continue
        known(loaded, f"{at}.product", str(said["product"]), "products", plant.products)
        known(loaded, f"{at}.location", str(said["location"]), "equipment", stores)
        quantity = said["quantity"]
        if isinstance(quantity, bool) or not isinstance(quantity, int | float) or not 0 < quantity < inf:
            loaded.add(f"{at}.quantity", quantity, "a number above 0")
