"""How this installation runs: folders, ports, addresses, clock, and references to secrets.

The supervisor writes it once to `<data>/run/installation.json`; each process reads that file.
Passwords are not in it: a process finds its own, and only its own, in its environment.
What the plant *is* stands in the plant folder and never here.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

ADDRESS_FILE = "portal.json"  # in the run folder: where the page is, for who started the portal on port 0
PASSWORD_VARIABLE = "TAKTWIN_BUS_PASSWORD"
SETUP_VARIABLE = "TAKTWIN_SETUP_CODE"  # fingerprint of the code that makes the first admin


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """One running installation."""

    data_dir: str
    plant_dir: str
    demo: bool = False  # no machine is real: a virtual plant, a recording or a planned line plays them
    commissioning: bool = False  # it is the planned line of a plan
    failures: bool = True  # of a planned line, as its plan expects them
    seed: int = 1
    speed: float = 1.0  # plant seconds per wall second
    epoch_ns: int = 0  # plant time at wall_epoch_ns; 0 and 0: plant time is wall time
    wall_epoch_ns: int = 0
    nats_url: str = ""  # nats://127.0.0.1:<port>
    nats_monitor_url: str = ""
    mes_database_url: str = ""  # without a password: each process finds its own in its environment
    ledger_database_url: str = ""  # likewise
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 0
    http_host: str = "127.0.0.1"
    http_port: int = 0
    public_url: str = ""  # https://mes.example: what people open, where a proxy stands before us
    endpoints: dict[str, str] = {}  # connection name -> address, where the demo chose free ports
    history_bytes_max: int = 20_000_000_000
    disk_free_bytes_min: int = 500_000_000
    backtest_error_max: float = 0.10  # share; beyond it nothing is recommended from what-if answers
    calibration_days: float = 7.0  # so much new history makes a new calibration by itself; 0: none is made
    calibration_automatic: bool = False  # it is taken into use at once, and not by a person

    @property
    def player(self) -> str:
        """Return the process that plays the machines; "": they are real."""
        if not self.demo:
            return ""
        return "commissioning" if self.commissioning else "virtual_plant"

    @property
    def run_dir(self) -> Path:
        """Return the folder of this run's files: installation, logs, pids."""
        return Path(self.data_dir) / "run"

    def room(self, name: str) -> Path:
        """Return the folder that a room owns, made if absent."""
        folder = Path(self.data_dir) / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def write(installation: Installation) -> Path:
    """Write the file that all processes of the run read, and return its path."""
    installation.run_dir.mkdir(parents=True, exist_ok=True)
    path = installation.run_dir / "installation.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(installation)))
    return path


def read(path: str | Path) -> Installation:
    """Return the installation of a file. Raises msgspec.ValidationError naming the field."""
    return msgspec.json.decode(Path(path).read_bytes(), type=Installation)


def bus_password() -> str:
    """Return this process's own password on the backbone, "" if the backbone wants none."""
    return os.environ.get(PASSWORD_VARIABLE, "")
