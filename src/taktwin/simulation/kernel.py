"""The compiled event loop over arrays of records: one event after the other, each worked off whole.

Comes in: what the plant is (`compile` writes it) and the state of one run. Goes out: the state, moved
on in place. The rules are those of docs/explanation/simulation.md, which `reference` follows too, to
the tick; the numbers are those of the key contract in `streams`.

The shape of this file is measured, not taste (numba 0.68, models (a), (b), (c), P1 of the benchmark):

- One function with one event at a time, which sets a few small variables, and a loop that settles
  them, each helper called from few places: 25 % faster than many small functions that hand on arrays.
- One pending event per *leaf* (unit, fault of a unit, source, calendar ...) in a tournament tree over keys
  of time << 14 | leaf: insert, move and cancel are one replay of a path, ties go to the lower leaf. Four
  to five times as fast as a binary heap.
- Everything numba compiles stands in this one file, constants and record types too, since its cache
  sees changes of the function's own file only. Constants of 64 bits are wrapped in uint64, because
  numba makes a float of uint64 and int64 together.
- `_nrt=False` (private to numba): no counts of references to arrays. Nothing here allocates, and whoever
  calls holds the arrays; the atomic counts around inner calls took 18 % of a week of P1.
- `nogil`: threads run replications side by side; nothing but this module imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, njit, uint64

# Times are int64 ticks; indices are -1 where there is none. Entities are hashes of names (`streams`).
UNIT = np.dtype([  # what a unit is; the ways in which it goes down are mode_first..mode_last-1
    ("center", "i4"), ("calendar", "i4"), ("mode_first", "i4"), ("mode_last", "i4"), ("pace", "f8"),
    ("is_batch", "i4"), ("hand", "i4"),
])  # fmt: skip
MODE = np.dtype([  # a failure, a tool that is used up, maintenance that waits for the job in hand
    ("entity", "u8"), ("clock", "i4"), ("crew", "i4"), ("fail_table", "i4"), ("repair_table", "i4"),
    ("fail_ticks", "f8"), ("repair_ticks", "f8"), ("tool", "i8"), ("life", "i8"),
])  # fmt: skip
CENTER = np.dtype([  # what a work center is; its units are first..last-1, its set-ups begin at `setup`
    ("first", "i4"), ("last", "i4"), ("rule", "i4"), ("endless", "i4"), ("queue_max", "i8"), ("setup", "i8"),
    ("batch", "i4"), ("pool", "i4"),
])  # fmt: skip
POOL = np.dtype([  # a work center that works by order: its units, the place of the first of them in `hands`
    ("first", "i4"), ("last", "i4"), ("hand", "i8"), ("patience", "i8"), ("most", "i8"),
])  # fmt: skip
BATCH = np.dtype([  # how a work center fills its units first..last-1; none of them takes a job at once
    ("first", "i4"), ("last", "i4"), ("most", "i8"), ("least", "i8"), ("wait", "i8"),
])  # fmt: skip
STEP = np.dtype([
    ("entity", "u8"), ("center", "i4"), ("table", "i4"), ("family", "i4"), ("skill", "i4"),
    ("rework", "i4"), ("rework_max", "i4"), ("work", "f8"), ("good", "f8"), ("move", "i8"),
    ("bill_first", "i4"), ("bill_last", "i4"), ("needs", "i2"), ("ends", "i2"), ("tool", "i4"),
    ("other_first", "i4"), ("other_last", "i4"), ("scrap", "f8"), ("pool", "i4"), ("low", "i4"),
])  # fmt: skip
PRODUCT = np.dtype([
    ("entity", "u8"), ("first", "i4"), ("last", "i4"), ("table", "i4"), ("balks", "i4"), ("arrival", "f8"),
    ("makes", "i8"),
])  # fmt: skip
BILL = np.dtype([("material", "i8"), ("quantity", "i8")])
DELIVERY = np.dtype([("at", "i8"), ("quantity", "i8"), ("material", "i4"), ("pad", "i4")])
ORDER = np.dtype([
    ("entity", "u8"), ("release", "i8"), ("due", "i8"), ("priority", "i8"), ("product", "i4"),
    ("quantity", "i4"), ("order", "i4"), ("whole", "i4"),
])  # fmt: skip

UNIT_STATE = np.dtype([
    ("since", "i8"), ("left", "i8"), ("rest", "i8"), ("to_failure", "i8"), ("repair_left", "i8"),
    ("operator", "u8"), ("task", "i4"), ("state", "i4"), ("job", "i4"), ("family", "i4"),
    ("next_blocked", "i4"), ("next_calling", "i4"), ("next_down", "i4"), ("upkeep", "i4"),
    ("on", "i4"), ("down", "i4"), ("shift", "i4"), ("closed", "i4"), ("due", "i4"), ("mode", "i4"),
    ("span", "i8"), ("next_in", "i4"), ("pad", "i4"),
])  # fmt: skip
MODE_STATE = np.dtype([  # left: work, as of when `span` was set; or tick; or parts; or ticks of maintenance
    ("left", "i8"), ("count", "i8"),
])  # fmt: skip
CENTER_STATE = np.dtype([
    ("head", "i4"), ("tail", "i4"), ("waiting", "i4"), ("blocked_head", "i4"), ("blocked_tail", "i4"),
    ("longest", "i4"),
])  # fmt: skip
CREW_STATE = np.dtype([("free", "i4"), ("head", "i4"), ("tail", "i4"), ("on", "i4")])
ORDER_STATE = np.dtype([("left", "i4"), ("good", "i4")])  # lots under way or to come, good parts so far
JOB_STATE = np.dtype([  # what the look for the best job reads lies side by side
    ("rank", "i8"), ("next", "i4"), ("family", "i4"), ("product", "i4"), ("step", "i4"), ("quantity", "i4"),
    ("passes", "i4"), ("entity", "u8"), ("work", "i8"), ("since", "i8"), ("due", "i8"), ("priority", "i8"),
    ("turn", "i8"), ("joined", "i8"), ("order", "i4"), ("base", "i4"),
])  # fmt: skip
# A job order is a step of an order; its place is the `base` of the order plus the place of the step.
HAND_STATE = np.dtype([  # of a unit that works by order: what it has in hand, family last bound for it,
    ("job_order", "i4"), ("family", "i4"),
    ("since", "i8"), ("open", "i8"), ("look", "i8"),  # since when nothing of it waits, bound work, 1: look up
])  # fmt: skip
BOUND_STATE = np.dtype([("unit", "i4"), ("left", "i4")])  # of a job order: its unit, jobs that may still come
RUN_STATE = np.dtype([
    ("now", "i8"), ("free", "i4"), ("free_count", "i4"), ("operators", "u8"), ("present", "u8"),
    ("price", "i8"), ("next_order", "i4"),
    ("call_head", "i4"), ("call_tail", "i4"), ("moving", "i4"), ("turns", "i8"), ("events", "i8"),
    ("next_delivery", "i4"), ("pad", "i4"), ("begun", "i4"), ("in_work", "i4"),
    ("next_closing", "i4"), ("next_opening", "i4"),
    ("in_work_since", "i8"), ("in_work_ticks", "i8"), ("done", "i8"),
])  # fmt: skip
PRODUCT_STATE = np.dtype([
    ("arrived", "i8"), ("done", "i8"), ("parts", "i8"), ("scrapped", "i8"), ("reworked", "i8"),
    ("lost", "i8"), ("late", "i8"), ("flow", "i8"), ("late_ticks", "i8"), ("bad", "i8"),
])  # fmt: skip

SHIFT = 14
LEAF = (1 << SHIFT) - 1
NEVER = np.int64(np.iinfo(np.int64).max)  # the key of a leaf with nothing pending
FAR = np.int64(1 << 62)  # a span longer than any
NO_BASE = -(1 << 31)  # of a job that no work center by order sees
TICKS_END = 1 << 48  # no run goes on beyond

# States of a unit; the first five are what it does with a job, the others hide that while they last.
IDLE, CALLING, SETUP, WORKING, BLOCKED, BROKEN, REPAIR, OFF, UPKEEP = range(9)
STATES = 9
WAITS_FAILED, MENDED, WAITS_UPKEEP, UPKEPT = range(1, 5)  # why a unit is down; even: somebody is at it
FIFO, SHORTEST, DUE, PRIORITY, BY_SETUP, BY_BATCH = range(6)
BY_WORKING, BY_CALENDAR, BY_PARTS, BY_CLOSURE = range(1, 5)  # what brings a mode about
ENDED, ENOUGH, NO_ROOM = range(3)  # why `simulate` came back
LOST_ORDER, SCRAPPED_ORDER, OPEN_ORDER = -3, -2, -1
STAYS, CALLED, FREED, GOES_ON, CAME_ON = 0, 1, 2, 3, 4  # what an event makes of units; bits are 1 and 4
EMPTY, BEGUN, PLACED = range(3)  # whether a run has begun; PLACED: not yet, but in the middle of its work

# The key contract: `streams` says what these are, a test that both agree.
_WORK, _FAILURE, _REPAIR, _QUALITY, _ARRIVAL, _SCRAP = map(np.int64, range(1, 7))
_STEP_ENTITY, _STEP_COUNT = uint64(0x9E3779B97F4A7C15), uint64(0xD1B54A32D192ED03)
_MIX_1, _MIX_2 = uint64(0xBF58476D1CE4E5B9), uint64(0x94D049BB133111EB)
_KNOTS = 1025
_WHOLE_REST, _FINE_REST = uint64((1 << 54) - 1), uint64((1 << 44) - 1)

# Whole numbers wherever they stand: to infer that took numba a fifth of the time that compiling takes.
_WHOLE = (
    "above arrived arrives at b before before_best before_lead begin best c cell child count e f fate"
    " follows freed g h i j k l_batch l_calendar l_closing l_delivery l_fault l_move l_opening l_order"
    " l_source l_tariff l_wait last lead leaf least leaves m n n_units node now o on other p parts phase"
    " place q ripe row scan source t takes then top waits why worked"
)
_LOCALS = dict.fromkeys(_WHOLE.split(), int64)
_PLAIN: dict[str, Any] = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "locals": _LOCALS,
    "_nrt": False,
}
_HOT: dict[str, Any] = {"forceinline": True, **_PLAIN}
_ENTRY: dict[str, Any] = {
    "error_model": "numpy",
    "cache": True,
    "nogil": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}


@njit(**_HOT)
def _mix(z):  # type: ignore[no-untyped-def]
    z = (z ^ (z >> uint64(30))) * _MIX_1
    z = (z ^ (z >> uint64(27))) * _MIX_2
    return z ^ (z >> uint64(31))


@njit(**_HOT)
def _bits(key, purpose, entity, count):  # type: ignore[no-untyped-def]
    inner = _mix(key + entity * _STEP_ENTITY)
    return _mix(inner + uint64((int64(count) << 4) | purpose) * _STEP_COUNT)


@njit(**_HOT)
def _value(tables, row, z):  # type: ignore[no-untyped-def]
    cell = int64(z >> uint64(54))
    if cell == 0 or cell == 1023:
        place = (_KNOTS if cell == 0 else 2 * _KNOTS) + (int64(z >> uint64(44)) & 1023)
        rest = float64(int64(z & _FINE_REST)) * 2.0**-44
    else:
        place = cell
        rest = float64(int64(z & _WHOLE_REST)) * 2.0**-54
    below = tables[row, place]
    return below + rest * (tables[row, place + 1] - below)


@njit(**_HOT)
def _put(tree, leaf, key):  # type: ignore[no-untyped-def]
    node = (tree.shape[0] >> 1) + leaf
    tree[node] = key
    while node > 1:
        other = tree[node ^ 1]
        key = other if other < key else key
        node >>= 1
        tree[node] = key


@njit(**_HOT)
def _note(us, spent, m, now):  # type: ignore[no-untyped-def]
    """Book the time in the state that ends, and derive the one that begins."""
    spent[m, us[m].state] += now - us[m].since
    us[m].since = now
    if us[m].on == 0:
        us[m].state = OFF
    elif us[m].down != 0:
        us[m].state = UPKEEP if us[m].down >= WAITS_UPKEEP else BROKEN + us[m].down - WAITS_FAILED
    else:
        us[m].state = us[m].task


@njit(**_PLAIN)
def _break(modes, us, ms, crews, tables, tree, spent, key, m, q, leaf, now):  # type: ignore[no-untyped-def]
    """Let unit m go down by mode q; who mends it comes, or it waits for them."""
    us[m].mode = q
    us[m].down = WAITS_FAILED
    if modes[q].clock == BY_CLOSURE:
        t = ms[q].left
        ms[q].left = 0
    else:
        z = _bits(key, _REPAIR, modes[q].entity, ms[q].count - 1)
        t = int64(modes[q].repair_ticks * _value(tables, modes[q].repair_table, z) + 0.5)
    if modes[q].clock >= BY_PARTS:
        us[m].down = WAITS_UPKEEP
        us[m].upkeep -= 1
        if modes[q].clock == BY_PARTS:
            ms[q].left = modes[q].life
    us[m].repair_left = t
    c = modes[q].crew
    if c >= 0 and (crews[c].free == 0 or crews[c].on == 0):
        us[m].next_down = -1
        _put(tree, leaf, NEVER)
        if crews[c].head < 0:
            crews[c].head = m
        else:
            us[crews[c].tail].next_down = m
        crews[c].tail = m
    else:
        if c >= 0:
            crews[c].free -= 1
        us[m].down += 1
        _put(tree, leaf, (now + t) << SHIFT | leaf if us[m].on == 1 else NEVER)
    _note(us, spent, m, now)


@njit(**_PLAIN)
def _mend_next(us, crews, tree, spent, c, l_fault, now):  # type: ignore[no-untyped-def]
    """Send somebody of crew c to the unit that waits for it the longest."""
    m = crews[c].head
    crews[c].head = us[m].next_down
    crews[c].free -= 1
    us[m].down += 1
    if us[m].on == 1:
        _put(tree, l_fault + m, (now + us[m].repair_left) << SHIFT | (l_fault + m))
    _note(us, spent, m, now)


@njit(**_PLAIN)
def _lot_over(ended, lots, o, good, fate, now):  # type: ignore[no-untyped-def]
    """Count a lot of an order that is over; with the last one the order is."""
    lots[o].left -= 1
    lots[o].good += good
    if lots[o].left == 0:
        ended[o] = now if lots[o].good > 0 else fate


@njit(**_PLAIN)
def _fill(cs, js, g, most, least, wait, now):  # type: ignore[no-untyped-def]
    """Take what begins together out of a queue, linked by `next`; -1 if there is not enough yet."""
    lead = cs[g].head
    before_lead = -1
    while lead >= 0:
        parts = int64(0)
        j = lead
        while j >= 0:
            if js[j].family == js[lead].family and (j == lead or parts + js[j].quantity <= most):
                parts += js[j].quantity
            j = js[j].next
        if parts >= least or (before_lead < 0 and now - js[lead].joined >= wait):
            break
        before_lead = lead
        lead = js[lead].next
    if lead < 0:
        return lead
    parts = int64(0)
    before = before_lead
    last = -1
    j = lead
    while j >= 0:
        follows = js[j].next
        if js[j].family == js[lead].family and (j == lead or parts + js[j].quantity <= most):
            parts += js[j].quantity
            if before < 0:
                cs[g].head = follows
            else:
                js[before].next = follows
            if cs[g].tail == j:
                cs[g].tail = before
            cs[g].waiting -= 1
            js[j].next = -1
            if last >= 0:
                js[last].next = j
            last = j
        else:
            before = j
        j = follows
    return lead


@njit(**_PLAIN)
def _wake(cs, js, tree, g, wait, leaf, now):  # type: ignore[no-untyped-def]
    """Wait for the instant at which the first in the queue has waited long enough."""
    t = NEVER
    if cs[g].waiting > 0 and wait < FAR:
        t = max(now, js[cs[g].head].joined + wait) << SHIFT | leaf
    _put(tree, leaf, t)


@njit(**_PLAIN)
def _arm(units, modes, us, ms, tables, tree, key, m, renewed, leaf, now):  # type: ignore[no-untyped-def]
    """Draw when mode `renewed` strikes again (-1: each of them), and find which comes first."""
    worked = us[m].span - us[m].to_failure
    us[m].to_failure = FAR
    at = FAR
    for q in range(units[m].mode_first, units[m].mode_last):
        t = int64(0)
        is_new = renewed < 0 or q == renewed
        if is_new:
            if modes[q].clock <= BY_CALENDAR:
                z = _bits(key, _FAILURE, modes[q].entity, ms[q].count)
                t = int64(modes[q].fail_ticks * _value(tables, modes[q].fail_table, z) + 0.5)
            ms[q].count += 1
        if modes[q].clock == BY_WORKING:
            ms[q].left = t if is_new else ms[q].left - worked
            if ms[q].left < us[m].to_failure:
                us[m].to_failure = ms[q].left
                us[m].due = q
        elif modes[q].clock == BY_CALENDAR:
            if is_new:
                ms[q].left = now + t
            at = min(at, ms[q].left)
    us[m].span = us[m].to_failure
    _put(tree, leaf, NEVER if at == FAR else max(at, now) << SHIFT | leaf)


@njit(**_HOT)
def _lacks(operators, skills, steps, bill, stock, k, quantity):  # type: ignore[no-untyped-def]
    """Return whether a step waits: for an operator with its skill, or for material for all parts."""
    if steps[k].skill >= 0 and (operators & skills[steps[k].skill]) == 0:
        return True
    for b in range(steps[k].bill_first, steps[k].bill_last):
        if stock[bill[b].material] < bill[b].quantity * quantity:
            return True
    return False


@njit(**_HOT)
def _join(cs, js, steps, g, j, rule, now):  # type: ignore[no-untyped-def]
    """Put a job at the end of a queue, with the rank that the rule will look at."""
    js[j].next = -1
    if rule != FIFO:
        k = js[j].step
        js[j].family = steps[k].family
        if rule == DUE:
            js[j].rank = js[j].due
        elif rule == SHORTEST:
            js[j].rank = int64(steps[k].work * js[j].quantity + 0.5)
        elif rule == PRIORITY:
            js[j].rank = -js[j].priority
        elif rule == BY_BATCH:
            js[j].joined = now
    if cs[g].waiting == 0:
        cs[g].head = j
    else:
        js[cs[g].tail].next = j
    cs[g].tail = j
    cs[g].waiting += 1
    if cs[g].waiting > cs[g].longest:
        cs[g].longest = cs[g].waiting


@njit(**_PLAIN)
def _pick(cs, js, setups, g, base, families, family, rule):  # type: ignore[no-untyped-def]
    """Take the best job out of a queue that is not empty; ties go to the first."""
    best = cs[g].head
    before_best = -1
    before = -1
    j = best
    if rule == BY_SETUP:
        least = NEVER
        row = base + family * families
        while j >= 0:
            f = js[j].family
            takes = setups[row + f] if f > 0 and f != family else int64(0)
            if takes < least:
                least = takes
                best = j
                before_best = before
                if takes == 0:
                    break
            before = j
            j = js[j].next
    else:
        least = js[j].rank
        before = j
        j = js[j].next
        while j >= 0:
            if js[j].rank < least:
                least = js[j].rank
                best = j
                before_best = before
            before = j
            j = js[j].next
    if before_best < 0:
        cs[g].head = js[best].next
    else:
        js[before_best].next = js[best].next
    if cs[g].tail == best:
        cs[g].tail = before_best
    cs[g].waiting -= 1
    return best


@njit(**_PLAIN)
def _bind(centers, steps, pools, shares, setups, families, hands, bound, base, first, last):  # type: ignore[no-untyped-def]
    """Bind each step of an order, where work goes by order, to the unit with the least open work."""
    for k in range(first, last):
        c = steps[k].pool
        if c < 0 or bound[base + k].unit >= 0:
            continue
        f = steps[k].family
        least = FAR
        best = pools[c].first
        for m in range(pools[c].first, pools[c].last):
            h = pools[c].hand + m - pools[c].first
            t = hands[h].open
            if f > 0 and hands[h].family > 0 and hands[h].family != f:
                t += setups[centers[steps[k].center].setup + hands[h].family * families + f]
            if t < least:
                least = t
                best = m
        bound[base + k].unit = best
        h = pools[c].hand + best - pools[c].first
        hands[h].open += shares[base + k]
        if f > 0:
            hands[h].family = f


@njit(**_PLAIN)
def _passed(units, steps, shares, us, hands, bound, base, first, last, source, scan):  # type: ignore[no-untyped-def]
    """Let a job of an order come no more to the steps first..last-1; return from which unit on to look."""
    for k in range(first, last):
        if steps[k].pool < 0:
            continue
        q = base + k
        bound[q].left -= 1
        m = bound[q].unit
        h = units[m].hand
        if bound[q].left == 0:
            hands[h].open -= shares[q]
        elif units[m].is_batch == 0:
            continue
        if m != source and us[m].state == IDLE and hands[h].job_order == q:
            hands[h].look = 1
            scan = min(scan, m)
    return scan


@njit(**_PLAIN)
def _queued(centers, units, pools, us, cs, js, hands, bound, g, j, scan):  # type: ignore[no-untyped-def]
    """See to it that the unit looks up whose job j has joined queue g, or all if that is full now."""
    m = bound[js[j].base + js[j].step].unit
    last = m + 1
    if cs[g].waiting >= centers[g].queue_max:
        m = pools[centers[g].pool].first
        last = pools[centers[g].pool].last
    for m in range(m, last):  # noqa: B020
        if us[m].state == IDLE:
            hands[units[m].hand].look = 1
            scan = min(scan, m)
    return scan


@njit(**_PLAIN)
def _other_order(products, setups, us, cs, js, bound, g, m, row, rule):  # type: ignore[no-untyped-def]
    """Return who leads the next order of unit m, of those in queue g that are bound to it; -1 for nobody."""
    best = -1
    least = NEVER
    j = cs[g].head
    while j >= 0:
        if bound[js[j].base + js[j].step].unit == m:
            if rule == FIFO:
                if js[j].step == products[js[j].product].first:
                    if (
                        best < 0
                        or js[best].step != products[js[best].product].first
                        or js[j].priority > js[best].priority
                        or (
                            js[j].priority == js[best].priority
                            and (
                                js[j].due < js[best].due
                                or (js[j].due == js[best].due and js[j].order < js[best].order)
                            )
                        )
                    ):
                        best = j
                elif best < 0:
                    best = j
            else:
                t = js[j].rank
                if rule == BY_SETUP:
                    f = js[j].family
                    t = setups[row + f] if f > 0 and f != us[m].family else int64(0)
                if t < least:
                    least = t
                    best = j
        j = js[j].next
    return best


@njit(**_PLAIN)
def _charge(cs, js, g, q, most):  # type: ignore[no-untyped-def]
    """Take the first job of job order q out of queue g, and all that fit with it, linked by `next`."""
    lead = -1
    last = -1
    before = -1
    parts = int64(0)
    j = cs[g].head
    while j >= 0:
        follows = js[j].next
        if js[j].base + js[j].step == q and (lead < 0 or parts + js[j].quantity <= most):
            parts += js[j].quantity
            if before < 0:
                cs[g].head = follows
            else:
                js[before].next = follows
            if cs[g].tail == j:
                cs[g].tail = before
            cs[g].waiting -= 1
            js[j].next = -1
            if lead < 0:
                lead = j
            else:
                js[last].next = j
            last = j
            if most == 0:
                break
        else:
            before = j
        j = follows
    return lead


@njit(**_PLAIN)
def _by_order(  # type: ignore[no-untyped-def]
    centers, units, products, pools, setups, families, tree, us, cs, js, hands, bound, g, m, l_wait, now,
    ripe,
):  # fmt: skip
    """Return what the free unit m takes of its order, and the blocked unit that it takes it from; else -1.

    Patience is over that ended at `ripe` or before.
    """
    h = units[m].hand
    c = centers[g].pool
    leaf = l_wait + h
    full = cs[g].waiting >= centers[g].queue_max
    if tree[(tree.shape[0] >> 1) + leaf] != NEVER:
        _put(tree, leaf, NEVER)
    while True:
        q = hands[h].job_order
        if q >= 0:
            parts = int64(0)
            count = 0
            j = cs[g].head
            while j >= 0:
                if js[j].base + js[j].step == q:
                    parts += js[j].quantity
                    count += 1
                    if pools[c].most == 0:
                        break
                j = js[j].next
            if count > 0:
                hands[h].since = FAR
                if not full and parts < pools[c].most and count < bound[q].left:
                    return -1, -1
                return _charge(cs, js, g, q, pools[c].most), -1
            if bound[q].left == 0:
                q = -1
                hands[h].job_order = -1
        row = centers[g].setup + us[m].family * families
        j = _other_order(products, setups, us, cs, js, bound, g, m, row, centers[g].rule)
        if q >= 0:
            if hands[h].since == FAR:
                hands[h].since = now
            if j >= 0 and not full:
                if pools[c].patience == FAR:
                    return -1, -1
                t = hands[h].since + pools[c].patience
                if ripe < t:
                    _put(tree, leaf, max(t, now) << SHIFT | leaf)
                    return -1, -1
        if j < 0:
            break
        hands[h].job_order = js[j].base + js[j].step
    if full:  # who is blocked with a job for it hands it over past the queue
        before = -1
        other = cs[g].blocked_head
        while other >= 0:
            j = us[other].job
            q = js[j].base + js[j].step
            if bound[q].unit == m:
                if before < 0:
                    cs[g].blocked_head = us[other].next_blocked
                else:
                    us[before].next_blocked = us[other].next_blocked
                if cs[g].blocked_tail == other:
                    cs[g].blocked_tail = before
                js[j].next = -1
                hands[h].job_order = q
                hands[h].since = FAR
                return j, other
            before = other
            other = us[other].next_blocked
    return -1, -1


@njit(**_HOT)
def _set_out(moves, js, n, arrives, j):  # type: ignore[no-untyped-def]
    """Put job j into a heap of n moves: by arrival, ties by who set out first."""
    while n > 0:
        above = (n - 1) >> 1
        t = moves[above, 0]
        i = moves[above, 1]
        if t < arrives or (t == arrives and js[i].turn < js[j].turn):
            break
        moves[n, 0] = t
        moves[n, 1] = i
        n = above
    moves[n, 0] = arrives
    moves[n, 1] = j


@njit(**_HOT)
def _arrive(moves, js, n):  # type: ignore[no-untyped-def]
    """Take the top of a heap of n moves away."""
    n -= 1
    arrives = moves[n, 0]
    j = moves[n, 1]
    place = 0
    child = 1
    while child < n:
        t = moves[child, 0]
        i = moves[child, 1]
        if child + 1 < n:
            other = moves[child + 1, 0]
            if other < t or (other == t and js[moves[child + 1, 1]].turn < js[i].turn):
                child += 1
                t = other
                i = moves[child, 1]
        if arrives < t or (arrives == t and js[j].turn < js[i].turn):
            break
        moves[place, 0] = t
        moves[place, 1] = i
        place = child
        child = 2 * place + 1
    moves[place, 0] = arrives
    moves[place, 1] = j


@njit(**_HOT)
def _wear(units, modes, steps, us, ms, js, key, m, j):  # type: ignore[no-untyped-def]
    """Take the parts of job j off the life of the tool of its step; return how many of them are lost."""
    k = js[j].step
    for q in range(units[m].mode_first, units[m].mode_last):
        if modes[q].tool == steps[k].tool and modes[q].clock == BY_PARTS:
            us[m].upkeep += ms[q].left > 0 and ms[q].left <= js[j].quantity
            ms[q].left -= js[j].quantity
    n = 0
    if steps[k].scrap > 0.0:
        for e in range(js[j].quantity):
            count = int64(js[j].passes) << 32 | e
            z = _bits(key, _SCRAP, js[j].entity + steps[k].entity, count)
            n += float64(int64(z >> uint64(11))) * 2.0**-53 < steps[k].scrap
    return n


@njit(**_HOT)
def _elsewhere(centers, others, us, cs, g, other_first, other_last):  # type: ignore[no-untyped-def]
    """Return the alternative with an idle unit, and that one; else the shortest queue, and no unit."""
    least = cs[g].waiting + (FAR if cs[g].waiting >= centers[g].queue_max else 0)
    for e in range(other_first, other_last):
        c = others[e]
        for m in range(centers[c].first, centers[c].last):
            if us[m].state == IDLE:
                return c, m
        t = cs[c].waiting + (FAR if cs[c].waiting >= centers[c].queue_max else 0)
        if t < least:
            least = t
            g = c
    return g, centers[g].last


@njit(**_PLAIN)
def _fault(units, modes, us, ms, crews, tables, tree, spent, key, m, now):  # type: ignore[no-untyped-def]
    """Begin a fault of unit m by the calendar, or end its repair; return what becomes of the unit."""
    l_fault = units.shape[0]
    leaf = l_fault + m
    leaves = tree.shape[0] >> 1
    then = STAYS
    if us[m].down == 0:
        if us[m].on == 1 and (us[m].task == SETUP or us[m].task == WORKING):
            t = (tree[leaves + m] >> SHIFT) - now
            if us[m].task == WORKING:
                us[m].to_failure += t
            us[m].left = t + us[m].rest
            us[m].rest = 0
            _put(tree, m, NEVER)
        q = units[m].mode_first
        while modes[q].clock != BY_CALENDAR or ms[q].left > now:
            q += 1
        _break(modes, us, ms, crews, tables, tree, spent, key, m, q, leaf, now)
    else:
        us[m].down = 0
        q = us[m].mode
        _arm(units, modes, us, ms, tables, tree, key, m, q, leaf, now)
        if us[m].task == IDLE:
            then = FREED
        elif us[m].task == CALLING:
            then = CALLED
            _note(us, spent, m, now)
        elif us[m].task == BLOCKED:
            _note(us, spent, m, now)
        else:
            then = GOES_ON
        c = modes[q].crew
        if c >= 0:
            crews[c].free += 1
            if crews[c].head >= 0 and crews[c].on == 1:
                _mend_next(us, crews, tree, spent, c, l_fault, now)
    return then


@njit(**_PLAIN)
def _turn(  # type: ignore[no-untyped-def]
    units, calendars, closings, openings, people, crew_calendars, tree, us, ms, crews, run, spent, leaf,
    l_calendar, now,
):  # fmt: skip
    """Turn a calendar, begin or end a closure; return who is free for maintenance, and CALLED, CAME_ON."""
    x = run[0]
    leaves = tree.shape[0] >> 1
    l_fault = units.shape[0]
    l_closing = l_calendar - 1
    l_opening = l_calendar + calendars.shape[0]
    freed = -1
    then = STAYS
    c = -1
    e = 0
    m = 0
    n = units.shape[0]
    t = NEVER
    if leaf == l_closing:
        m = closings[x.next_closing, 1]
        n = m + 1
        t = closings[x.next_closing, 2]
        if t == 0:
            us[m].closed += 1
        else:  # the loop over units below has nothing to do
            n = m
            q = units[m].mode_last - 1
            us[m].upkeep += ms[q].left == 0
            ms[q].left += t
            if us[m].state == IDLE:
                freed = m
        t = NEVER
        x.next_closing += 1
        if x.next_closing < closings.shape[0]:
            t = closings[x.next_closing, 0] << SHIFT | leaf
    elif leaf == l_opening:
        m = openings[x.next_opening, 1]
        n = m + 1
        us[m].closed -= 1
        x.next_opening += 1
        if x.next_opening < openings.shape[0]:
            t = max(openings[x.next_opening, 0], now) << SHIFT | leaf
    else:
        c = leaf - l_calendar
        phase = now % calendars[c, 0]
        while e < calendars[c, 1] and calendars[c, 2 + e] <= phase:
            e += 1
        t = calendars[c, 2 + e] if e < calendars[c, 1] else calendars[c, 0] + calendars[c, 2]
        t = (now - phase + t) << SHIFT | leaf
        if e & 1 == 0:
            x.present &= ~people[c]
        elif people[c] != 0:
            x.present |= people[c]
            then |= CALLED
        for g in range(crews.shape[0]):
            if crew_calendars[g] == c:
                crews[g].on = e & 1
                while e & 1 == 1 and crews[g].free > 0 and crews[g].head >= 0:
                    _mend_next(us, crews, tree, spent, g, l_fault, now)
    _put(tree, leaf, t)
    for m in range(m, n):  # noqa: B020
        if c >= 0 and units[m].calendar == c:
            us[m].shift = e & 1
        on = us[m].shift if us[m].closed == 0 else 0
        if us[m].on != on:
            us[m].on = on
            busy = us[m].task == SETUP or us[m].task == WORKING
            if on == 0:
                if us[m].down != 0 and us[m].down & 1 == 0:
                    us[m].repair_left = (tree[leaves + l_fault + m] >> SHIFT) - now
                    _put(tree, l_fault + m, NEVER)
                elif us[m].down == 0 and busy:
                    t = (tree[leaves + m] >> SHIFT) - now
                    if us[m].task == WORKING:
                        us[m].to_failure += t
                    us[m].left = t + us[m].rest
                    us[m].rest = 0
                    _put(tree, m, NEVER)
                _note(us, spent, m, now)
            elif us[m].down != 0:
                if us[m].down & 1 == 0:
                    _put(tree, l_fault + m, (now + us[m].repair_left) << SHIFT | (l_fault + m))
                _note(us, spent, m, now)
            elif us[m].task == CALLING:
                then |= CALLED
                _note(us, spent, m, now)
            elif us[m].task == BLOCKED:
                _note(us, spent, m, now)
            # The others stay OFF until the scan below comes to them, one after the other.
            if on == 1:
                then |= CAME_ON
    return freed, then


@njit(**_HOT)
def _rare(  # type: ignore[no-untyped-def]
    deliveries, batches, handed, tariff, tree, us, run, spent, priced, stock, leaf, l_delivery, l_tariff, now,
):  # fmt: skip
    """Take in a delivery, change the price, end a wait; return the unit that is free to act, and CALLED."""
    x = run[0]
    freed = -1
    then = STAYS
    if leaf == l_delivery:  # ---- material comes
        d = x.next_delivery
        x.next_delivery = d + 1
        stock[deliveries[d].material] += deliveries[d].quantity
        then = CALLED
        t = NEVER
        if d + 1 < deliveries.shape[0]:
            t = max(deliveries[d + 1].at, now) << SHIFT | leaf
        _put(tree, leaf, t)
    elif leaf == l_tariff:  # ---- a kilowatt hour has another price
        n = tariff.shape[0] - 1
        phase = now % tariff[n, 0]
        e = 1
        while e < n and tariff[e, 0] <= phase:
            e += 1
        t = tariff[e - 1, 1]
        for m in range(us.shape[0]):
            spent[m, us[m].state] += now - us[m].since
            us[m].since = now
            for g in range(STATES):
                priced[m, g] += (x.price - t) * spent[m, g]
        x.price = t
        _put(tree, leaf, (now - phase + tariff[e, 0]) << SHIFT | leaf)
    elif leaf > l_tariff + batches.shape[0]:  # ---- a unit has waited for its order long enough
        _put(tree, leaf, NEVER)
        m = handed[leaf - l_tariff - 1 - batches.shape[0]]
        freed = m if us[m].state == IDLE else -1
    else:  # ---- the first in the queue of a furnace has waited long enough
        _put(tree, leaf, NEVER)
        m = batches[leaf - l_tariff - 1].first
        last = batches[leaf - l_tariff - 1].last
        while m < last and us[m].state != IDLE:
            m += 1
        freed = m if m < last else -1
    return freed, then


@njit(**_PLAIN)
def _begin_run(  # type: ignore[no-untyped-def]
    units, products, orders, calendars, deliveries, closings, openings, modes, tariff, tables, tree, us, ms,
    run, key,
):  # fmt: skip
    """Draw what comes first of everything, unless `start` has laid it out, and let calendars turn at once."""
    x = run[0]
    now = x.now
    l_fault = units.shape[0]
    l_source = 2 * l_fault
    l_closing = l_source + products.shape[0] + 1
    l_calendar = l_closing + 1
    l_opening = l_calendar + calendars.shape[0]
    l_delivery = l_opening + 1
    l_order = l_delivery + 1
    l_tariff = l_order + 1
    if tariff.shape[0] > 0:
        _put(tree, l_tariff, now << SHIFT | l_tariff)
    if x.begun == PLACED:  # `start` laid it out: nothing is drawn any more
        x.begun = BEGUN
        for c in range(calendars.shape[0]):
            _put(tree, l_calendar + c, now << SHIFT | (l_calendar + c))
        if x.next_closing < closings.shape[0]:
            _put(tree, l_closing, closings[x.next_closing, 0] << SHIFT | l_closing)
        if x.next_opening < openings.shape[0]:
            _put(tree, l_opening, openings[x.next_opening, 0] << SHIFT | l_opening)
        if x.next_delivery < deliveries.shape[0]:
            _put(tree, l_delivery, deliveries[x.next_delivery].at << SHIFT | l_delivery)
        if x.next_order < orders.shape[0]:
            _put(tree, l_order, max(orders[x.next_order].release, now) << SHIFT | l_order)
    else:
        x.begun = BEGUN
        for m in range(units.shape[0]):
            _arm(units, modes, us, ms, tables, tree, key, m, int64(-1), l_fault + m, now)
        for p in range(products.shape[0]):
            if products[p].arrival > 0.0:
                z = _bits(key, _ARRIVAL, products[p].entity, int64(0))
                t = now + int64(products[p].arrival * _value(tables, products[p].table, z) + 0.5)
                _put(tree, l_source + p, t << SHIFT | (l_source + p))
        for c in range(calendars.shape[0]):
            _put(tree, l_calendar + c, now << SHIFT | (l_calendar + c))
        while x.next_closing < closings.shape[0] and closings[x.next_closing, 0] <= now:
            m = closings[x.next_closing, 1]
            if closings[x.next_closing, 2] > 0:
                q = units[m].mode_last - 1
                us[m].upkeep += ms[q].left == 0
                ms[q].left += closings[x.next_closing, 2]
            else:
                us[m].closed += 1
                us[m].on = 0
            x.next_closing += 1
        if x.next_closing < closings.shape[0]:
            _put(tree, l_closing, closings[x.next_closing, 0] << SHIFT | l_closing)
        if x.next_opening < openings.shape[0]:
            _put(tree, l_opening, max(openings[x.next_opening, 0], now) << SHIFT | l_opening)
        if x.next_delivery < deliveries.shape[0]:
            _put(tree, l_delivery, max(deliveries[x.next_delivery].at, now) << SHIFT | l_delivery)
        if x.next_order < orders.shape[0]:
            _put(tree, l_order, max(orders[x.next_order].release, now) << SHIFT | l_order)


@njit(locals=_LOCALS, **_ENTRY)
def simulate(  # type: ignore[no-untyped-def]
    units, centers, steps, products, orders, setups, families, skills, calendars, bill, deliveries,
    closings, openings, modes, others, batches, pools, handed, bases, shares, people, crew_calendars, tariff,
    tables, tree, us, ms, cs, crews, js, run, moves, spent, priced, made, ended, lots, stock, hands, bound,
    key, until, enough,
):  # fmt: skip
    """Move a run on until the tick `until`, or until `enough` jobs are done since its beginning.

    Events at `until` itself are left for the next call, so a run in pieces is the run in one piece, bit
    for bit. Returns ENDED, ENOUGH (at the instant of the last job), or NO_ROOM: before an event for which
    places for jobs might be too few, one for each unit and one more; nothing is lost, and the same call goes
    on once there are more.

    Parameters
    ----------
    setups : flat (centers, families, families) ticks; family 0 is a unit that was never set up
    skills : (s,) bit sets of operators
    bill : (lines,) pieces that a part takes; deliveries : by time; stock : (materials,) pieces
    calendars : (c, 2 + edges) ticks: period, number of edges, then on and off in turns
    closings : (k, 3) tick, unit, and ticks of maintenance if it waits for the job in hand, else 0; by time
    openings : (k, 2) tick and unit of the ends of closures that do not wait, by time
    modes : (modes,) ways to go down, unit by unit; others : work centers that are alternatives of steps
    handed : (h,) units that work by order, as in `hands`; bases : (whole orders,) see above, or NO_BASE
    shares : (job orders,) ticks of work that each stands for; bound : (job orders,)
    people : (c,) bit sets of operators who come and go by a calendar; crew_calendars : (crews,), -1 for none
    tariff : (k, 2) tick in the period and price; the last row is the period and nothing
    tables : (t, 3075) quantiles at mean 1; row 0 is the fixed value 1
    tree : (2 * leaves,) keys, any number of leaves; moves : (jobs, 2) heap of arrival tick and job
    spent : (units, STATES) ticks; priced : the same weighted with prices, less what `spent` costs now
    lots : (orders,); ended : (orders,) tick of its end, or OPEN_, SCRAPPED_, LOST_ORDER
    """
    n_units = units.shape[0]
    l_fault = n_units
    l_source = 2 * n_units
    l_move = l_source + products.shape[0]
    l_closing = l_move + 1
    l_calendar = l_closing + 1
    l_opening = l_calendar + calendars.shape[0]
    l_delivery = l_opening + 1
    l_order = l_delivery + 1
    l_tariff = l_order + 1
    l_batch = l_tariff + 1
    l_wait = l_batch + batches.shape[0]
    x = run[0]
    now = x.now
    ripe = now
    scan = n_units  # units from here on may have come on; beyond the last: none
    why = ENDED
    leaf = int64(-1)
    first = x.begun != BEGUN
    if first:
        _begin_run(
            units, products, orders, calendars, deliveries, closings, openings, modes, tariff, tables, tree,
            us, ms, run, key,
        )  # fmt: skip
        scan = 0
    while True:
        arrived = -1  # a job that comes to the work center of its step
        source = -1  # the unit that hands it over
        freed = -1  # a unit that has given its job away
        begin = -1  # a unit that has a job to begin, or to go on with
        called = False  # operators were given back, material came, or a unit that calls for one came back
        waits = -1  # up to here who calls was asked in this instant, in vain; nothing came back since
        if first:
            first = False
            ripe = now - 1  # patience that ends now has its event at the end of this tick
        else:
            if x.done >= enough:
                why = ENOUGH
                break
            top = tree[1]
            if (top >> SHIFT) >= until:
                now = max(now, until)
                break
            if x.free_count <= n_units:
                why = NO_ROOM
                break
            now = top >> SHIFT
            ripe = now
            leaf = top & LEAF
            x.events += 1
            if leaf < n_units:  # ---- a unit comes to the end of what it does
                m = leaf
                if us[m].task == SETUP:
                    us[m].task = WORKING
                    us[m].left = js[us[m].job].work
                    begin = m
                elif us[m].rest > 0:  # it breaks while it works
                    us[m].left = us[m].rest
                    us[m].rest = 0
                    _put(tree, m, NEVER)
                    _break(
                        modes, us, ms, crews, tables, tree, spent, key, m, int64(us[m].due), l_fault + m, now
                    )
                else:
                    j = us[m].job
                    k = js[j].step
                    p = js[j].product
                    fate = 0
                    if steps[k].ends != 0:  # it wears a tool, or parts of it are lost
                        n = _wear(units, modes, steps, us, ms, js, key, m, j)
                        made[p].bad += n
                        js[j].quantity -= n
                        if js[j].quantity == 0:
                            fate = 2
                    then = k + 1
                    if us[m].operator != 0:
                        x.operators |= us[m].operator
                        us[m].operator = 0
                        called = True
                    if fate == 0 and steps[k].good < 1.0:
                        z = _bits(key, _QUALITY, js[j].entity + steps[k].entity, int64(js[j].passes))
                        if float64(int64(z >> uint64(11))) * 2.0**-53 >= steps[k].good:
                            if steps[k].rework >= 0 and js[j].passes < steps[k].rework_max:
                                then = steps[k].rework
                                js[j].passes += 1
                                made[p].reworked += 1
                            else:
                                fate = 2
                    if js[j].base != NO_BASE:
                        n = products[p].last
                        if fate == 0 and then < n:
                            n = steps[then].low
                        scan = _passed(
                            units, steps, shares, us, hands, bound, js[j].base, steps[k].low, n, m, scan
                        )
                    if fate == 2:
                        made[p].scrapped += 1
                        made[p].bad += js[j].quantity
                        if js[j].order >= 0:
                            _lot_over(ended, lots, js[j].order, int64(0), int64(SCRAPPED_ORDER), now)
                    if fate == 0 and then == products[p].last:
                        fate = 1
                        x.done += 1
                        made[p].done += 1
                        made[p].parts += js[j].quantity
                        made[p].flow += now - js[j].since
                        if products[p].makes >= 0:
                            stock[products[p].makes] += js[j].quantity
                            called = True
                        if now > js[j].due:
                            made[p].late += 1
                            made[p].late_ticks += now - js[j].due
                        if js[j].order >= 0:
                            _lot_over(ended, lots, js[j].order, int64(js[j].quantity), now, now)
                    if fate > 0:
                        js[j].quantity = 0  # by that a free place is known
                        js[j].next = x.free
                        x.free = j
                        x.free_count += 1
                        x.in_work_ticks += x.in_work * (now - x.in_work_since)
                        x.in_work_since = now
                        x.in_work -= 1
                        freed = m
                    else:
                        js[j].step = then
                        if steps[k].move > 0:
                            js[j].turn = x.turns
                            x.turns += 1
                            _set_out(moves, js, x.moving, now + steps[k].move, j)
                            x.moving += 1
                            if moves[0, 1] == j:  # else another one ends before, as it did
                                _put(tree, l_move, moves[0, 0] << SHIFT | l_move)
                            freed = m
                        else:
                            arrived = j
                            source = m
            elif leaf < l_source:  # ---- a fault begins by the calendar, or a repair ends
                m = leaf - l_fault
                n = _fault(units, modes, us, ms, crews, tables, tree, spent, key, m, now)
                if n == FREED:
                    freed = m
                elif n == CALLED:
                    called = True
                elif n == GOES_ON:
                    begin = m
            elif leaf < l_move:  # ---- a part comes by itself
                p = leaf - l_source
                n = made[p].arrived + 1
                made[p].arrived = n
                z = _bits(key, _ARRIVAL, products[p].entity, n)
                t = now + int64(products[p].arrival * _value(tables, products[p].table, z) + 0.5)
                _put(tree, leaf, t << SHIFT | leaf)
                arrived = x.free
                x.free = js[arrived].next
                js[arrived].product = p
                js[arrived].quantity = 1
                js[arrived].due = FAR
                js[arrived].priority = 0
                js[arrived].order = -1
                js[arrived].base = NO_BASE
                js[arrived].entity = _mix(products[p].entity + uint64(n))
            elif leaf == l_move:  # ---- a move ends
                arrived = moves[0, 1]
                _arrive(moves, js, x.moving)
                x.moving -= 1
                _put(tree, l_move, moves[0, 0] << SHIFT | l_move if x.moving > 0 else NEVER)
            elif leaf < l_delivery:  # ---- a calendar turns on or off, a closure begins or ends
                freed, n = _turn(
                    units, calendars, closings, openings, people, crew_calendars, tree, us, ms, crews, run,
                    spent, leaf, l_calendar, now,
                )  # fmt: skip
                called = n & CALLED != 0
                if n & CAME_ON != 0:
                    scan = 0
            elif leaf == l_order:  # ---- an order is released
                o = x.next_order
                x.next_order = o + 1
                t = max(orders[o + 1].release, now) << SHIFT | l_order if o + 1 < orders.shape[0] else NEVER
                _put(tree, l_order, t)
                arrived = x.free
                x.free = js[arrived].next
                p = orders[o].product
                made[p].arrived += 1
                js[arrived].product = p
                js[arrived].quantity = orders[o].quantity
                js[arrived].due = orders[o].due
                js[arrived].priority = orders[o].priority
                js[arrived].order = orders[o].order
                js[arrived].entity = orders[o].entity
                n = bases[orders[o].whole]
                js[arrived].base = n
                if n != NO_BASE:
                    _bind(
                        centers, steps, pools, shares, setups, families, hands, bound, n, products[p].first,
                        products[p].last,
                    )  # fmt: skip
            else:
                freed, n = _rare(
                    deliveries, batches, handed, tariff, tree, us, run, spent, priced, stock, leaf,
                    l_delivery, l_tariff, now,
                )  # fmt: skip
                called = n == CALLED
            if arrived >= 0 and source < 0 and leaf != l_move:  # a new job
                x.free_count -= 1
                js[arrived].step = products[js[arrived].product].first
                js[arrived].since = now
                js[arrived].passes = 0
                x.in_work_ticks += x.in_work * (now - x.in_work_since)
                x.in_work_since = now
                x.in_work += 1
        # ---- a job comes to its work center: to the first idle unit, else into the queue, else it stays
        if arrived >= 0:
            k = js[arrived].step
            g = steps[k].center
            m = centers[g].first
            last = centers[g].last
            while m < last and us[m].state != IDLE:
                m += 1
            if m == last and steps[k].other_last > 0:
                g, m = _elsewhere(centers, others, us, cs, g, steps[k].other_first, steps[k].other_last)
                last = centers[g].last
            if centers[g].pool >= 0:
                q = js[arrived].base + k
                m = bound[q].unit
                last = m
                if us[m].state == IDLE:
                    h = units[m].hand
                    c = centers[g].pool
                    n = hands[h].job_order
                    if cs[g].waiting >= centers[g].queue_max or (
                        pools[c].most == 0
                        and (
                            n < 0 or n == q or bound[n].left == 0
                            or (
                                hands[h].since < FAR and pools[c].patience < FAR
                                and now > hands[h].since + pools[c].patience
                            )
                        )
                    ):  # fmt: skip
                        last = m + 1
                        hands[h].job_order = q
                        hands[h].since = FAR
                        if tree[(tree.shape[0] >> 1) + l_wait + h] != NEVER:
                            _put(tree, l_wait + h, NEVER)
            if m < last:
                us[m].job = arrived
                begin = m
                freed = source
            elif source >= 0 and cs[g].waiting >= centers[g].queue_max:
                us[source].task = BLOCKED
                _put(tree, source, NEVER)
                _note(us, spent, source, now)
                us[source].next_blocked = -1
                if cs[g].blocked_head < 0:
                    cs[g].blocked_head = source
                else:
                    us[cs[g].blocked_tail].next_blocked = source
                cs[g].blocked_tail = source
            elif (
                cs[g].waiting >= centers[g].queue_max and products[js[arrived].product].balks == 1
                and source < 0 and leaf != l_move
            ):  # fmt: skip
                p = js[arrived].product
                made[p].lost += 1
                if js[arrived].order >= 0:
                    _lot_over(ended, lots, js[arrived].order, int64(0), int64(LOST_ORDER), now)
                if js[arrived].base != NO_BASE:
                    scan = _passed(
                        units, steps, shares, us, hands, bound, js[arrived].base, steps[k].low,
                        int64(products[p].last), int64(-1), scan,
                    )  # fmt: skip
                js[arrived].quantity = 0
                js[arrived].next = x.free
                x.free = arrived
                x.free_count += 1
                x.in_work -= 1
            else:
                _join(cs, js, steps, g, arrived, centers[g].rule, now)
                freed = source
                if centers[g].pool >= 0:
                    scan = _queued(centers, units, pools, us, cs, js, hands, bound, g, arrived, scan)
                if centers[g].rule == BY_BATCH:
                    c = centers[g].batch
                    m = batches[c].first
                    last = batches[c].last
                    while m < last and us[m].state != IDLE:
                        m += 1
                    j = -1
                    if m < last:
                        j = _fill(cs, js, g, batches[c].most, batches[c].least, batches[c].wait, now)
                    if j >= 0:
                        us[m].job = j
                        us[m].next_in = js[j].next
                        begin = m
                    if j >= 0 or cs[g].waiting == 1:
                        _wake(cs, js, tree, g, batches[c].wait, l_batch + c, now)
        # ---- settle: begin, then operators to who calls, then work to who is free, then who came on
        while True:
            if begin >= 0:
                m = begin
                begin = -1
                j = us[m].job
                if us[m].task == IDLE:
                    k = js[j].step
                    w = steps[k].work
                    if units[m].is_batch == 0:
                        w *= js[j].quantity
                    if steps[k].table > 0:
                        z = _bits(key, _WORK, js[j].entity + steps[k].entity, int64(js[j].passes))
                        w *= _value(tables, steps[k].table, z)
                    if units[m].pace != 1.0:
                        w /= units[m].pace
                    js[j].work = int64(w + 0.5)
                    us[m].task = CALLING
                if us[m].task == CALLING:
                    k = js[j].step
                    if steps[k].needs == 1:
                        n = js[j].quantity
                        if _lacks(x.operators & x.present, skills, steps, bill, stock, k, n):
                            _put(tree, m, NEVER)
                            _note(us, spent, m, now)
                            us[m].next_calling = -1
                            if x.call_head < 0:
                                x.call_head = m
                            else:
                                us[x.call_tail].next_calling = m
                            x.call_tail = m
                            continue
                        if steps[k].skill >= 0:
                            can = x.operators & x.present & skills[steps[k].skill]
                            can &= ~can + uint64(1)
                            x.operators ^= can
                            us[m].operator = can
                        for b in range(steps[k].bill_first, steps[k].bill_last):
                            stock[bill[b].material] -= bill[b].quantity * js[j].quantity
                    f = steps[k].family
                    us[m].task = WORKING
                    us[m].left = js[j].work
                    if f > 0 and f != us[m].family:
                        g = units[m].center
                        t = setups[centers[g].setup + us[m].family * families + f]
                        us[m].family = f
                        if t > 0:
                            us[m].task = SETUP
                            us[m].left = t
                w = us[m].left
                if us[m].task == WORKING:
                    f = us[m].to_failure
                    if w > f:
                        us[m].rest = w - f
                        us[m].to_failure = 0
                        w = f
                    else:
                        us[m].to_failure = f - w
                _put(tree, m, (now + w) << SHIFT | m)
                _note(us, spent, m, now)
            elif called:
                m = x.call_head if waits < 0 else us[waits].next_calling
                can = x.operators & x.present
                while m >= 0:
                    if us[m].on == 1 and us[m].down == 0:
                        j = us[m].job
                        k = js[j].step
                        n = js[j].quantity
                        if not _lacks(can, skills, steps, bill, stock, k, n):
                            break
                    waits = m
                    m = us[m].next_calling
                if m < 0:
                    called = False
                else:
                    n = us[m].next_calling
                    if waits < 0:
                        x.call_head = n
                    else:
                        us[waits].next_calling = n
                    if x.call_tail == m:
                        x.call_tail = waits
                    begin = m
            elif freed >= 0:
                m = freed
                freed = -1
                g = units[m].center
                if us[m].next_in >= 0:  # of what was done together the next one leaves
                    j = us[m].next_in
                    us[m].job = j
                    us[m].next_in = js[j].next
                    us[m].task = WORKING
                    us[m].left = 0
                    if us[m].on == 1 and us[m].down == 0:
                        begin = m
                    else:
                        _put(tree, m, NEVER)
                        _note(us, spent, m, now)
                    continue
                us[m].task = IDLE
                us[m].job = -1
                if us[m].on == 0 or us[m].down != 0:
                    _put(tree, m, NEVER)
                    _note(us, spent, m, now)
                    continue
                if us[m].upkeep != 0:
                    q = units[m].mode_first
                    while not (
                        (modes[q].clock == BY_PARTS and ms[q].left <= 0)
                        or (modes[q].clock == BY_CLOSURE and ms[q].left > 0)
                    ):
                        q += 1
                    _put(tree, m, NEVER)
                    _break(modes, us, ms, crews, tables, tree, spent, key, m, q, l_fault + m, now)
                    continue
                if centers[g].pool >= 0:
                    j, other = _by_order(
                        centers, units, products, pools, setups, families, tree, us, cs, js, hands, bound, g,
                        m, l_wait, now, ripe,
                    )  # fmt: skip
                    if j < 0:
                        _put(tree, m, NEVER)
                        _note(us, spent, m, now)
                        continue
                    if units[m].is_batch != 0:
                        us[m].next_in = js[j].next
                    freed = other
                    if cs[g].blocked_head >= 0 and cs[g].waiting < centers[g].queue_max:
                        hands[units[m].hand].look = 1
                        scan = min(scan, m)
                    us[m].job = j
                    begin = m
                    continue
                other = cs[g].blocked_head
                if cs[g].waiting > 0:
                    if centers[g].rule == FIFO:
                        j = cs[g].head
                        cs[g].head = js[j].next
                        cs[g].waiting -= 1
                    elif centers[g].rule == BY_BATCH:
                        c = centers[g].batch
                        j = _fill(cs, js, g, batches[c].most, batches[c].least, batches[c].wait, now)
                        if j < 0:
                            _put(tree, m, NEVER)
                            _note(us, spent, m, now)
                            continue
                        us[m].next_in = js[j].next
                        _wake(cs, js, tree, g, batches[c].wait, l_batch + c, now)
                    else:
                        j = _pick(
                            cs, js, setups, g, centers[g].setup, families, us[m].family, centers[g].rule
                        )
                    if other >= 0 and cs[g].waiting < centers[g].queue_max:
                        cs[g].blocked_head = us[other].next_blocked
                        _join(cs, js, steps, g, int64(us[other].job), centers[g].rule, now)
                        freed = other
                elif other >= 0:
                    cs[g].blocked_head = us[other].next_blocked
                    j = us[other].job
                    freed = other
                elif centers[g].endless >= 0:
                    p = centers[g].endless
                    n = made[p].arrived + 1
                    made[p].arrived = n
                    j = x.free
                    x.free = js[j].next
                    x.free_count -= 1
                    js[j].product = p
                    js[j].step = products[p].first
                    js[j].since = now
                    js[j].quantity = 1
                    js[j].due = FAR
                    js[j].priority = 0
                    js[j].passes = 0
                    js[j].order = -1
                    js[j].base = NO_BASE
                    js[j].entity = _mix(products[p].entity + uint64(n))
                    x.in_work_ticks += x.in_work * (now - x.in_work_since)
                    x.in_work_since = now
                    x.in_work += 1
                else:
                    _put(tree, m, NEVER)
                    _note(us, spent, m, now)
                    continue
                us[m].job = j
                begin = m
            elif scan < n_units:
                m = scan
                if units[m].hand >= 0 and hands[units[m].hand].look != 0:
                    g = units[m].center
                    other = cs[g].blocked_head
                    if other >= 0 and cs[g].waiting < centers[g].queue_max:
                        j = us[other].job
                        cs[g].blocked_head = us[other].next_blocked
                        _join(cs, js, steps, g, j, centers[g].rule, now)
                        scan = _queued(centers, units, pools, us, cs, js, hands, bound, g, j, scan)
                        freed = other
                        continue
                    hands[units[m].hand].look = 0
                    if us[m].state == IDLE:
                        scan += 1
                        freed = m
                        continue
                scan += 1
                if us[m].on == 1 and us[m].down == 0 and us[m].state == OFF:
                    if us[m].task == IDLE:
                        freed = m
                    else:
                        begin = m
            else:
                break
    x.now = now
    x.in_work_ticks += x.in_work * (now - x.in_work_since)
    x.in_work_since = now
    for m in range(n_units):
        spent[m, us[m].state] += now - us[m].since
        us[m].since = now
    return why


@njit(**_ENTRY)
def line(units, modes, steps, product, queue_max, tables, key, last, to_failure, failures, left, ends):  # type: ignore[no-untyped-def]
    """Write the tick at which each part leaves a line, by recursion: no events, the same ticks.

    A part begins when it has come and the part before it has left; it leaves when it is done and there is a
    place: max and plus are all it takes. `maxplus` says which plants are lines, and prepares the arrays.

    Parameters
    ----------
    units, steps : (n,) in the sequence of the line; modes : of all units; product : (1,)
    queue_max : (n,), FAR for endless
    last, to_failure, failures : (n,) zeros
    left : (n, ring) zeros; ring is a power of two beyond every finite queue_max + 1
    ends : (parts,) to be written
    """
    n = units.shape[0]
    ring = left.shape[1] - 1
    for i in range(n):
        to_failure[i] = FAR
        if units[i].mode_last > units[i].mode_first:
            m = units[i].mode_first
            z = _bits(key, _FAILURE, modes[m].entity, int64(0))
            to_failure[i] = int64(modes[m].fail_ticks * _value(tables, modes[m].fail_table, z) + 0.5)
    arrival = int64(0)
    for q in range(ends.shape[0]):
        entity = _mix(product[0].entity + uint64(q + 1))
        if product[0].arrival > 0.0:
            z = _bits(key, _ARRIVAL, product[0].entity, q)
            arrival += int64(product[0].arrival * _value(tables, product[0].table, z) + 0.5)
        t = arrival
        for i in range(n):
            w = steps[i].work
            if steps[i].table > 0:
                z = _bits(key, _WORK, entity + steps[i].entity, int64(0))
                w *= _value(tables, steps[i].table, z)
            work = int64(w / units[i].pace + 0.5)
            t = max(t, last[i]) + work
            f = to_failure[i]
            while work > f:
                work -= f
                m = units[i].mode_first
                z = _bits(key, _REPAIR, modes[m].entity, failures[i])
                t += int64(modes[m].repair_ticks * _value(tables, modes[m].repair_table, z) + 0.5)
                failures[i] += 1
                z = _bits(key, _FAILURE, modes[m].entity, failures[i])
                f = int64(modes[m].fail_ticks * _value(tables, modes[m].fail_table, z) + 0.5)
            to_failure[i] = f - work
            if steps[i].move > 0 and i + 1 < n:
                last[i] = t
                t += steps[i].move
            else:
                if i + 1 < n and q > queue_max[i + 1]:
                    t = max(t, left[i + 1, (q - queue_max[i + 1] - 1) & ring])
                last[i] = t
            left[i, q & ring] = last[i]
        ends[q] = t
