"""`taktwin state`, `replay`, `doctor`: ask a running installation, or look why none runs."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin

from taktwin import __version__
from taktwin.cli import door
from taktwin.errors import ConfigError, TaktwinError, WorldError
from taktwin.instants import MILLISECOND_NS, parse_rfc3339, rfc3339
from taktwin.plant import open_plant
from taktwin.processes.backbone import find_binary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin state`."""
    parser.add_argument("--data", help="data folder of the running installation (default: the one in var/)")
    parser.add_argument("--json", action="store_true", help="the documents as JSON")


def add_replay_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin replay`."""
    parser.add_argument("at", help="the instant, RFC 3339: 2026-11-12T14:32:07Z")
    add_arguments(parser)


def add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin doctor`."""
    parser.add_argument("plant", nargs="?", help="also check this plant folder")
    parser.add_argument("--data", help="data folder of the installation")


def state(options: argparse.Namespace) -> int:
    """Print every work unit with its class, since when, and what it is doing."""
    base = door.base_url(options.data)
    documents = [door.get(base, f"/units/{e['id']}")["document"] for e in _units(base)]
    if options.json:
        print(json.dumps(documents, indent=2))
        return 0
    _print_units(documents)
    system = door.get(base, "/system")
    print(f"\nstate hash {system['snapshot']['state_hash'] or '(no snapshot yet)'}")
    return 0


def replay(options: argparse.Namespace) -> int:
    """Print the plant as it was at an instant."""
    base = door.base_url(options.data)
    at_ms = parse_rfc3339(options.at) // MILLISECOND_NS
    url = base.replace("http://", "ws://") + "/api/v1/live"
    try:
        with connect(url, origin=Origin(base), additional_headers=door.shown(), max_size=None) as socket:
            socket.send(json.dumps({"op": "subscribe", "topics": ["units"], "mode": "latest"}))
            socket.send(json.dumps({"op": "mode", "mode": "replay", "at_ms": at_ms, "speed": 0}))
            while True:
                message = json.loads(socket.recv(timeout=30))
                if message["type"] == "snapshot" and message["mode"] == "replay":
                    break
    except (WebSocketException, TimeoutError, OSError) as failure:
        raise WorldError(f"the recorder gave no picture of {options.at}: {failure}") from failure
    if options.json:
        print(json.dumps(message["units"], indent=2))
        return 0
    print(f"the plant as it was at {rfc3339(int(message['t']) * MILLISECOND_NS)}")
    _print_units(message["units"])
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Check what an installation needs and print one line for each; exit code 1 if something is missing."""
    checks = [_python(), _binary(), _page(), _disk(Path(options.data or "."))]
    if options.plant:
        checks.append(_plant(options.plant))
    checks += _processes(options.data)
    for good, what, found in checks:
        print(f"{'ok     ' if good else 'MISSING'} {what:<12} {found}")
    return 0 if all(good for good, _, _ in checks) else 1


Check = tuple[bool, str, str]


def _python() -> Check:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return good, "python", f"{sys.version.split()[0]}, taktwin {__version__} needs 3.11 to 3.13"


def _binary() -> Check:
    try:
        return True, "backbone", str(find_binary())
    except TaktwinError as failure:
        return False, "backbone", str(failure)


def _page() -> Check:
    index = Path(__file__).resolve().parents[1] / "portal" / "static" / "index.html"
    return index.exists(), "page", "built" if index.exists() else "not built: python tools/bootstrap.py"


def _disk(folder: Path) -> Check:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return free > 2e9, "disk", f"{free / 1e9:.1f} GB free, at least 2 GB are wanted"


def _plant(folder: str) -> Check:
    try:
        registry = open_plant(folder)
    except ConfigError as mistakes:
        return False, "plant", f"{len(mistakes.mistakes)} mistakes: taktwin check {folder}"
    return (
        True,
        "plant",
        f"{registry.name}: {len(registry.work_units)} work units, {len(registry.signals)} signals",
    )


def _processes(data: str | None) -> list[Check]:
    try:
        system = door.get(door.base_url(data), "/system")
    except TaktwinError as failure:
        return [(True, "running", f"nothing: {failure}")]
    lines: list[Check] = [
        (p["state"] == "running", p["component"], f"{p['state']} {p['reason']}".strip())
        for p in system["processes"]
    ]
    lines += [
        (c["state"] == "running", c["name"], f"{c['protocol']} {c['state']} {c['reason']}".strip())
        for c in system["connections"]
    ]
    return lines


def _units(base: str) -> list[dict[str, Any]]:
    return [e for e in door.get(base, "/plant")["equipment"] if e["level"] == "WorkUnit"]


def _print_units(documents: list[dict[str, Any]]) -> None:
    for unit in sorted(documents, key=lambda u: str(u["unit"])):
        since = rfc3339(int(unit["since_ms"]) * MILLISECOND_NS)[11:19] if unit["since_ms"] else "-"
        words = f"{unit['state']:<12} {unit['reason']}"
        line = f"{unit['unit']:<16} {unit['time_class']:<14} since {since}  {words}"
        print(line.rstrip())
