"""What `taktwin whatif` prints: answers of the what-if room as lines that a person reads."""

from __future__ import annotations

from typing import Any

from taktwin.instants import MILLISECOND_NS, rfc3339

NAMES = {
    "late_orders": "late orders", "parts_done": "parts done", "wip": "parts in work",
    "lead_time_h": "lead time", "scrap": "scrap", "energy_kwh": "energy", "energy_cost": "price of energy",
    "peak_kw": "peak",
}  # fmt: skip
CUT = ", cut by the deadline"


def comparison(answer: dict[str, Any]) -> list[str]:
    """Return all futures, figure by figure, with the answer's doubts."""
    snapshot, validity = answer["snapshot"], answer["validity"]
    at = f"{rfc3339(snapshot['state_ms'] * MILLISECOND_NS)[:19]}Z ({snapshot['hash'][:12]})"
    found = [
        f"the next {answer['horizon_s'] / 3600:g} h of the plant as it was at {at}, "
        f"{answer['replications']} runs, {answer['took_s']:.1f} s" + (CUT if answer["is_cut"] else "")
    ]
    wide = max(20, *(len(each["name"]) for each in answer["scenarios"]))
    for each in answer["indicators"]:
        name = NAMES.get(each["name"], each["name"])
        title = name if each["unit"] in name else f"{name}, {each['unit']}"
        found += ["", f"{title:<{wide}} {'mean':>20} {'difference':>20}  better worse  best"]
        found.append(f"{'doing nothing':<{wide}} {_spread(each['base']):>20}")
        for effect in each["effects"]:
            mean, difference = _spread(effect["outcome"]), _spread(effect["difference"])
            shares = f"{effect['better']:6.0%} {effect['worse']:5.0%} {effect['best']:5.0%}"
            found.append(
                f"{effect['scenario']:<{wide}} {mean:>20} {difference:>20}  {shares}"
                + _shorter(effect, answer["replications"])
            )
    if answer["orders"]:
        found += ["", f"{'order':<{wide}} late doing nothing, then in each scenario"]
    for order in answer["orders"]:
        looks = [
            f"{each['late']:6.0%}" if each["is_there"] else f"{'-':>6}"
            for each in (order["base"], *order["scenarios"])
        ]
        found.append(f"{order['order']:<{wide}} {' '.join(looks)}")
    found.append("")
    if not validity["back_tested"]:
        found.append("NOT BACK-TESTED: nobody has compared such answers with what came. Take it as unproven.")
    elif not validity["may_recommend"]:
        found.append("BEYOND THE LIMIT in back-tests: recommend nothing by it.")
    return found + [f"- {note['text']}" for note in (*snapshot["unknowns"], *validity["notes"])]


def _shorter(effect: dict[str, Any], runs: int) -> str:
    """Return why a line does not subtract: it is of fewer runs than doing nothing."""
    if effect["out_after"]:
        return f"  out after {effect['out_after']} runs"
    if effect["replications"] != runs:
        return f"  {min(effect['replications'], runs)} runs compared"
    return ""


def _spread(spread: dict[str, Any]) -> str:
    return f"{spread['mean']:.2f} +- {spread['half_width']:.2f}"


def library(answer: dict[str, Any]) -> list[str]:
    """Return the library, group by group, with the horizon from which on each shows something."""
    found: list[str] = []
    group = None
    for each in answer["scenarios"]:
        if each["group"] != group:
            group = each["group"]
            found += ["", group] if found else [group]
        found.append(f"  {each['name']:<36} {each['horizon_s'] / 86_400:3.0f} d  {each['asks']}")
    return found


def kinds(answer: dict[str, Any]) -> list[str]:
    """Return the kinds of change, each field with what it takes; `?` marks what may be left out."""
    found = []
    for kind in answer["kinds"]:
        fields = []
        for each in kind["fields"]:
            takes = each["names"] or each["unit"] or each["type"]
            fields.append(f"{each['name']}{'' if each['required'] else '?'} ({takes})")
        found += [f"{kind['change']:<18} {kind['text']}", f"{'':<18} {', '.join(fields)}"]
    found.append("")
    for what, names in answer["names"].items():
        found.append(f"{what}: {', '.join(each['name'] for each in names)}")
    return found


def tornado(answer: dict[str, Any]) -> list[str]:
    """Return what an answer depends on, the strongest guess first."""
    name = NAMES.get(answer["indicator"], answer["indicator"])
    mean = f"{answer['mean']:.2f} {answer['unit']}, {answer['replications']} runs"
    found = [f"{name} of '{answer['scenario']}': {mean}{CUT if answer['is_cut'] else ''}", ""]
    for bar in answer["bars"]:
        low, high = (f"{bar[side]:10.2f} {bar[f'{side}_says']}" for side in ("low", "high"))
        found.append(f"{bar['text']:<40} {low:<28} {high:<28} +- {bar['half_width']:.2f}")
    return found
