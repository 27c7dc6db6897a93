"""`/whatif/backtest`: predictions of the past beside what came. Whoever may look may ask for one too."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter

from taktwin.contracts import backtest as contract
from taktwin.contracts.whatif import OWNER
from taktwin.portal import wire
from taktwin.portal.context import PersonOf, PortalOf
from taktwin.portal.models.backtest import BackTestBegun, BackTestsModel, BackTestWish
from taktwin.portal.problems import refused

router = APIRouter(tags=["whatif"], prefix="/whatif/backtest")


@router.get("", response_model=BackTestsModel)
async def known(portal: PortalOf, person: PersonOf) -> Any:
    """Return how far predictions were off, epoch by epoch, and whether a back-test runs."""
    said = await portal.questions.ask(OWNER, contract.BACKTESTS, b"")
    answer = msgspec.msgpack.decode(said, type=contract.BackTests)
    return wire.in_ms(msgspec.to_builtins(answer))


@router.post("", response_model=BackTestBegun)
async def begin(wish: BackTestWish, portal: PortalOf, person: PersonOf) -> Any:
    """Begin a back-test; how far it is, GET says."""
    asked = contract.Wish(
        from_ns=wire.ns(wish.from_ms), days=wish.days, every_s=wish.every_s, runs=wish.runs, seed=wish.seed
    )
    said = await portal.questions.ask(OWNER, contract.BACKTEST, msgspec.msgpack.encode(asked))
    answer = msgspec.msgpack.decode(said, type=contract.Begun)
    if answer.state == "refused":
        raise refused("No such back-test", answer)
    return {"state": answer.state, "reason": answer.reason, "of": answer.of}
