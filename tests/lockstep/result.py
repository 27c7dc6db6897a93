"""What a comparison found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Result:
    """What was compared, and what is not explained by a mistake."""

    units: int = 0
    passages: int = 0
    components: int = 0
    counted: int = 0
    job_hours: int = 0
    lots: int = 0
    scrapped: int = 0
    held: int = 0
    stops: int = 0
    stop_times: int = 0  # nanoseconds
    recodings: int = 0
    not_yet_told: int = 0  # stops that nobody had got round to at the end
    labour: int = 0  # pieces of the time of people
    labour_times: int = 0  # nanoseconds
    values: int = 0  # what cells held while they made parts
    explained: int = 0
    faults: list[str] = field(default_factory=list)

    def fault(self, words: str) -> None:
        """Note a difference that nobody made."""
        if len(self.faults) < 200:
            self.faults.append(words)
