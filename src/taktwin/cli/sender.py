"""`taktwin send`: orders, or any B2MML message, to a running installation; a line for each part."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from taktwin.cli import door
from taktwin.errors import ConfigError, Mistake

KINDS = {".csv": ("/mes/erp/orders", "text/csv"), ".xml": ("/mes/erp/messages", "application/xml")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin send`."""
    parser.add_argument("files", nargs="+", help="orders as CSV; orders, job lists, definitions as B2MML")
    parser.add_argument("--data", help="data folder of the running installation (default: the one in var/)")
    parser.add_argument("--as", dest="account_of", default="", metavar="ACCOUNT",
                        help="sign in as; otherwise TAKTWIN_TOKEN, or nobody in a demo")  # fmt: skip


def send(options: argparse.Namespace) -> int:
    """Send each file, print what became of its parts; 1 where one was refused.

    Raises ConfigError where a file is none, or of another kind, before anything is sent.
    """
    paths = [Path(name) for name in options.files]
    for path in paths:
        if path.suffix.lower() not in KINDS or not path.is_file():
            raise ConfigError([Mistake("command line", 1, "files", str(path), "a .csv or .xml file")])
    base = door.base_url(options.data)
    bad = False
    with door.signed_in(base, options.account_of):
        for path in paths:
            address, kind = KINDS[path.suffix.lower()]
            rows = door.send(base, address, path.read_bytes(), kind)["rows"]
            print("\n".join(report(path.name, rows)))
            bad = bad or not all(row["accepted"] for row in rows)
    return int(bad)


def report(name: str, rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each part of a message, and one for the whole."""
    good = sum(row["accepted"] for row in rows)
    lines = [
        f"  {'yes' if row['accepted'] else 'NO '}  {row['request'] or '(no number)'}  "
        f"{row['remark'] if row['accepted'] else row['reason']}".rstrip()
        for row in rows
    ]
    return [f"{name}: {good} of {len(rows)} accepted", *lines]
