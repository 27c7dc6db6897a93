"""What lies in a demo's stores when it starts: what its plant folder says of lots, as commands. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData


def wishes(demo: Mapping[str, Any]) -> Iterator[tuple[str, CommandData]]:
    """Yield a name of its own and the goods receipt for every lot that `demo.stock` says."""
    for lot, said in sorted(demo.get("stock", {}).items()):
        yield (
            f"demo-stock:{lot}",
            commands.ReceiveLot(
                lot=lot, product=said["product"], quantity=float(said["quantity"]), location=said["location"]
            ),
        )
