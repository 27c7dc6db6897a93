"""The page of the weeks: what they came to, bad news first, as far as they were played."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, stdev

import msgspec
from scipy.stats import t as student

from tests.closed_loop import weeks
from tests.closed_loop.house import DAY_NS, Arm
from tests.closed_loop.weeks import Day, Told, Weeks

PAGE = weeks.ROOT / "docs" / "closed-loop.md"
PUBLISHED = PAGE.with_suffix(".jsonl")  # what the page was written from: an arm of a plant a line
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
COVERED_LEAST, FALSE_MOST = 0.7, 1.0  # of the 80 % intervals; a week without drift
WEEK_DAYS = 7
FIGURES: dict[str, Callable[[Day], float]] = {
    "worn parts": lambda day: day.worn,
    "tool-change min": lambda day: day.change_min,
    "own stops, min": lambda day: day.stop_min,
    "inserts": lambda day: day.changes,
    "parts made": lambda day: day.made,
    "cost, EUR": lambda day: day.cost,
}


def write(commit: str, days: int, page: Path = PAGE) -> None:
    """Write into the page what was played for a commit, and beside it what that was read from."""
    found = played(commit, days)
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{text(found, commit)}\n{END}{after}", encoding="utf-8")
    page.with_suffix(".jsonl").write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in found))


def published(path: Path = PUBLISHED) -> list[Weeks]:
    """Return what the page was written from."""
    return [msgspec.json.decode(line, type=Weeks) for line in path.read_bytes().splitlines()]


def played(commit: str, days: int) -> list[Weeks]:
    """Return every arm that was played for a commit, by number and arm."""
    found = [
        weeks.kept(commit, number, arm, days) for number in range(weeks.PLANTS) for arm in Arm
    ]  # fmt: skip
    return [each for each in found if each is not None]


def mean_and_half(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half of its 95 % interval (Student); inf where fewer than two tell it."""
    n = len(values)
    if n < 2:
        return (values[0] if values else math.nan), math.inf
    return fmean(values), float(student.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n)


def covered(told: Sequence[Told]) -> tuple[int, int]:
    """Return how many measured means lay within the promised 80 % interval, of how many."""
    seen = [(each.promised, each.measured) for each in told if each.measured is not None]
    return sum(low <= mean[0] <= high for (_, low, high), mean in seen), len(seen)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    z, share = 1.959964, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def text(found: Sequence[Weeks], commit: str) -> str:
    """Return the figures."""
    if not found:
        return "Nothing was played for this commit yet."
    by = {(each.number, each.arm): each for each in found}
    numbers = sorted({number for number, _ in by})
    whole = [n for n in numbers if all((n, arm.value) in by for arm in Arm)]
    days = len(found[0].days)
    lines = [
        f"Analyst and ledger were last touched by `{commit}`; {days} days a plant; "
        f"{len(whole)} of {weeks.PLANTS} plants are whole in all three arms.",
        "", *_bars([each for each in found if each.arm == Arm.ADVISED.value]),
        "", *_against(by, [n for n in whole if by[n, Arm.ADVISED.value].wear], "with drift"),
        "", *_against(by, [n for n in whole if since(by[n, Arm.ADVISED.value])], "with drift, from the day "
                      "behind the one on which people saw the first advice", since),
        "", *_against(by, [n for n in whole if not by[n, Arm.ADVISED.value].wear], "without drift"),
        "", *_each(by, numbers),
    ]  # fmt: skip
    return "\n".join(lines)


def _bars(advised: Sequence[Weeks]) -> list[str]:
    told = [each for plant in advised for each in plant.told]
    hits, of = covered(told)
    low, high = wilson(hits, of)
    calm = [plant for plant in advised if not plant.wear]
    spans = sum(len(plant.days) for plant in calm) / WEEK_DAYS
    false = sum(each.shown for plant in calm for each in plant.told)
    results = {
        name: sum(each.result == name for each in told) for name in ("Effective", "Neutral", "Harmful")
    }
    states = sorted({each.state for each in told})
    faults = [f"plant {plant.number}: {fault}" for plant in advised for fault in plant.faults]
    opened, entries = sum(plant.opened for plant in advised), sum(plant.ledger for plant in advised)
    share = "–" if not of else f"{hits / of:.0%} [{low:.0%}, {high:.0%}]"
    rate = "–" if not calm else f"{false / spans:.2f} a week ({false} in {spans:g} weeks)"
    return [
        "| what | came to | bar |", "|---|---|---|",
        f"| measured effect within the promised 80 % | {share} of {of} | at least {COVERED_LEAST:.0%} |",
        f"| proposals without drift | {rate} | at most {FALSE_MOST:g} a week |",
        f"| results | {', '.join(f'{n} {name}' for name, n in results.items())} | |",
        f"| recommendations | {len(told)}: "
        f"{', '.join(f'{sum(e.state == name for e in told)} {name}' for name in states) or 'none'} | |",
        f"| ledgers | {entries} entries, each bound to the one before; {opened} references opened; "
        f"{len(faults)} not | 0 not |",
        *(f"| not opened | {fault} | |" for fault in faults[:10]),
    ]  # fmt: skip


def since(advised: Weeks) -> int:
    """Return the day behind the one of the first advice that people saw; 0: there is none in the span."""
    shown = [each.at_ns for each in advised.told if each.shown]
    day = 0 if not shown else (min(shown) - weeks.BEGIN_NS) // DAY_NS + 1
    return day if day < len(advised.days) else 0


def _against(
    by: dict[tuple[int, str], Weeks], numbers: Sequence[int], which: str,
    first: Callable[[Weeks], int] = lambda _: 0,
) -> list[str]:  # fmt: skip
    """Return advised less each other arm, a week, over plants: the same plant and seeds in each pair."""
    if not numbers:
        return [f"No plant {which} is whole in all three arms yet."]
    lines = [
        f"Advised less the others, a plant and week, over {len(numbers)} plants {which} (95 %):", "",
        "| figure | advised | less fixed life | less watchful people |", "|---|---|---|---|",
    ]  # fmt: skip
    for name, figure in FIGURES.items():
        days = {
            (n, arm): by[n, arm.value].days[first(by[n, Arm.ADVISED.value]) :] for n in numbers for arm in Arm
        }
        a_week = {key: fmean(figure(day) for day in mine) * WEEK_DAYS for key, mine in days.items()}
        mean, _ = mean_and_half([a_week[n, Arm.ADVISED] for n in numbers])
        cells = [f"{mean:.1f}"]
        for other in (Arm.FIXED_LIFE, Arm.WATCHFUL):
            less, half = mean_and_half([a_week[n, Arm.ADVISED] - a_week[n, other] for n in numbers])
            cells.append(f"{less:+.1f} ± {half:.1f}" if math.isfinite(half) else f"{less:+.1f}, one plant")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _each(by: dict[tuple[int, str], Weeks], numbers: Sequence[int]) -> list[str]:
    lines = [
        "| plant | drift, spread, scatter | window um | arm | worn | inserts | change min | cost EUR | made "
        "| shown, measured, held | processor s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for number in numbers:
        for arm in Arm:
            plant = by.get((number, arm.value))
            if plant is None:
                continue
            wear = " ".join(f"{value:g}" for value in plant.wear.values()) or "none"
            sums = {name: sum(figure(day) for day in plant.days) for name, figure in FIGURES.items()}
            hits, of = covered(plant.told)
            advice = f"{sum(each.shown for each in plant.told)}, {of}, {hits}" if arm is Arm.ADVISED else ""
            lines.append(
                f"| {number} | {wear} | {plant.window_um} | {arm} | {sums['worn parts']:.0f} "
                f"| {sums['inserts']:.0f} | {sums['tool-change min']:.0f} | {sums['cost, EUR']:.0f} "
                f"| {sums['parts made']:.0f} | {advice} | {plant.cpu_s:.0f} |"
            )
    return lines
