"""Random numbers by key, not by turn: the same happening draws the same number in every scenario.

A number is a function of four things: the replication, the purpose, whom it concerns, and how often
that happened before. So a scenario that repairs faster, or works orders off in another sequence, gives
each order the same work and each machine the same failures: differences between scenarios are the
scenarios' own. Nothing here depends on how many machines or orders there are, nor in which sequence
they are declared, since whom it concerns is the hash of a name.

The contract, version 1 (a change gives every published figure a new value, so it takes a new version;
`tests/unit/simulation/test_streams.py` holds numbers of it):

| purpose | whom | how often before |
|---|---|---|
| 1 WORK | order + step | passes of the order (how often it was sent back for rework) |
| 2 FAILURE | machine | failures of that machine |
| 3 REPAIR | machine | failures of that machine |
| 4 QUALITY | order + step | passes of the order |
| 5 ARRIVAL | product | arrivals of that product |
| 6 SCRAP | order + step | passes of the order times 2^32, plus the part's place in the job, from 0 |

`+` is addition modulo 2^64. A machine is named `centre.3`, its further failures and its
tools `centre.3/name`, a lot of an order `order/2`, a step `product/step`; the n-th part
of a product without order (n from 1) is the scrambled sum of the product's name and n.

A name is the BLAKE2b hash (8 bytes, the lowest first) of its kind, a colon and itself: `order:o3/2`,
`product:p`, `step:p/turn`, `unit:mill.1/spindle`, `tool:mill.1/drill`. To scramble is SplitMix64's finaliser.
The key of replication r of seed s is scramble(scramble(s G + 1) + r C); the bits of a happening are
scramble(scramble(key + whom G) + (16 count + purpose) C), with G = `STEP_ENTITY`, C = `STEP_COUNT`; its
number in [0, 1) is the upper 53 of them.
"""

from __future__ import annotations

import hashlib
from typing import Any, overload

import numpy as np
import numpy.typing as npt

VERSION = 1

WORK, FAILURE, REPAIR, QUALITY, ARRIVAL, SCRAP = 1, 2, 3, 4, 5, 6

_MASK = (1 << 64) - 1
STEP_ENTITY = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: Weyl's sequence as in SplitMix64
STEP_COUNT = 0xD1B54A32D192ED03
MIX_1 = 0xBF58476D1CE4E5B9  # the finaliser of SplitMix64 (Stafford's variant 13)
MIX_2 = 0x94D049BB133111EB


BitsArray = npt.NDArray[np.uint64]


@overload
def mix(z: int) -> int: ...
@overload
def mix(z: BitsArray) -> BitsArray: ...
def mix(z: Any) -> Any:
    """Return 64 bits scrambled one to one, or each of many."""
    z = ((z ^ (z >> 30)) * MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * MIX_2) & _MASK
    return z ^ (z >> 31)


def entity(kind: str, name: str) -> int:
    """Return whom a number concerns: 64 bits of a name; kinds keep equal names apart."""
    return int.from_bytes(hashlib.blake2b(f"{kind}:{name}".encode(), digest_size=8).digest(), "little")


def part(product: int, number: int) -> int:
    """Return whom a number concerns: the n-th part of a product that comes without an order, n from 1."""
    return mix((product + number) & _MASK)


def replication_key(seed: int, replication: int) -> int:
    """Return the key of a replication; seeds and replications are any integers of 64 bits."""
    return mix((mix((seed * STEP_ENTITY + 1) & _MASK) + replication * STEP_COUNT) & _MASK)


@overload
def bits(key: int, purpose: int, whom: int, count: int) -> int: ...
@overload
def bits(key: BitsArray, purpose: BitsArray, whom: BitsArray, count: BitsArray) -> BitsArray: ...
def bits(key: Any, purpose: Any, whom: Any, count: Any) -> Any:
    """Return the 64 random bits of a happening, or of many: arrays that are broadcast together."""
    inner = mix((key + whom * STEP_ENTITY) & _MASK)
    return mix((inner + ((count << 4) | purpose) * STEP_COUNT) & _MASK)


@overload
def unit(random_bits: int) -> float: ...
@overload
def unit(random_bits: BitsArray) -> npt.NDArray[np.float64]: ...
def unit(random_bits: Any) -> Any:
    """Return a number in [0, 1) of 64 random bits, or of each of many."""
    return (random_bits >> 11) * 2.0**-53
