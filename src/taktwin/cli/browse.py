"""`taktwin browse`: what a machine offers, as addresses that fit into the plant folder."""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from taktwin.clock import SystemClock
from taktwin.errors import ConfigError, ConnectError, Mistake
from taktwin.gateway.connector import Connector, Context, connectors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin browse`."""
    parser.add_argument("endpoint", help="where the machine listens: opc.tcp://192.168.0.10:4840")
    parser.add_argument("--connector", default="opcua", help="which protocol (opcua)")
    parser.add_argument("--find", default="", help="only addresses or names with this text")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a connector setting"
    )


def browse(options: argparse.Namespace) -> int:
    """Print one line for each address: the address, then what the machine calls it."""
    kind = connectors().get(options.connector)
    if kind is None:
        expected = f"one of {', '.join(sorted(connectors()))}"
        raise ConfigError([Mistake("command line", 1, "--connector", options.connector, expected)])
    return asyncio.run(_browse(kind, options))


async def _browse(kind: type[Connector], options: argparse.Namespace) -> int:
    given = dict(word.partition("=")[::2] for word in options.set)
    try:
        settings = msgspec.convert(given, kind.settings, strict=False)
    except msgspec.ValidationError as wrong:
        raise ConfigError([Mistake("command line", 1, "--set", str(given), str(wrong))]) from wrong
    context = Context(
        connection="browse", endpoint=options.endpoint, settings=settings, wanted=[], clock=SystemClock()
    )
    machine = kind(context)
    found = 0
    try:
        await machine.connect()
        async for address, name in machine.browse():
            if options.find.lower() in f"{address} {name}".lower():
                print(f"{address}  {name}")
                found += 1
    except (ConnectError, OSError, TimeoutError) as failure:
        print(f"{options.endpoint}: {failure or type(failure).__name__}", file=sys.stderr)
        return 1
    finally:
        await machine.close()
    print(f"{found:,} addresses", file=sys.stderr)
    return 0
