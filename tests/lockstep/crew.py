"""Who stands where in the demo plant."""

from __future__ import annotations

# Who stands where: the last digit of their number in each shift group.
CREW = {
    "turn1": 2, "turn2": 2, "hob1": 3, "deburr1": 3, "wash1": 3, "furnace1": 3, "grind1": 4, "grind2": 4,
    "load2": 5, "adhesive2": 5, "press2": 5, "tighten2": 5, "leak2": 5, "vision2": 5,
    "load3": 6, "adhesive3": 6, "press3": 6, "tighten3": 6, "leak3": 6, "vision3": 6,
    "eol1": 7, "eol2": 8, "pack5": 1,
}  # fmt: skip
GROUPS = {"early": "P0", "late": "P1", "night": "P2"}  # how the numbers of a shift's people begin
