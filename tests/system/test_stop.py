"""However and whenever it ends, nothing is left behind: no process, no half of a history."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from taktwin import settings
from taktwin.processes import wiring
from taktwin.processes.backbone import Backbone
from taktwin.processes.database import Database
from taktwin.settings import Installation
from taktwin.storage.database import PASSWORD_VARIABLE as DATABASE_PASSWORD_VARIABLE
from tests.system.product import ROOT, TAKTWIN

pytestmark = pytest.mark.system

NAMES = ("historian", "twin", "recorder", "portal", "virtual_plant", "gateway", "mes", "commander", "whatif",
         "analyst", "ledger")  # fmt: skip
ENDED_S = wiring.STOP_S  # after it a process gives up, and a little later the supervisor kills it
CLEANLY = (0, -signal.SIGTERM)  # the second before it had begun anything


class House:
    """A backbone, a database, and the processes of an installation on them, without a supervisor."""

    def __init__(self, folder: Path) -> None:
        self._written = Installation(
            data_dir=str(folder), plant_dir=str(ROOT / "examples" / "plants" / "northfield")
        )
        self.backbone = Backbone(self._written)
        self.database = Database(self._written)
        self._log = (folder / "log").open("ab")

    async def open(self) -> None:
        await asyncio.gather(self.backbone.start(), self.database.start())
        urls = self.backbone.urls
        self._written = msgspec.structs.replace(
            self._written, nats_url=urls.nats, mqtt_host=urls.mqtt_host, mqtt_port=urls.mqtt_port,
            mes_database_url=self.database.url("mes"), ledger_database_url=self.database.url("ledger"),
        )  # fmt: skip
        self._path = settings.write(self._written)

    async def close(self) -> None:
        await asyncio.gather(self.backbone.stop(), self.database.stop())
        self._log.close()

    async def start(self, name: str) -> asyncio.subprocess.Process:
        password = self.backbone.passwords[name]
        database = self.database.passwords.get(name, "")
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"taktwin.processes.{name}", str(self._path),
            env={
                **os.environ, settings.PASSWORD_VARIABLE: password, wiring.SUPERVISED: "1",
                DATABASE_PASSWORD_VARIABLE: database,
            },
            stdin=asyncio.subprocess.PIPE, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    async def lose_backbone(self, *, after_s: float) -> int:
        await asyncio.sleep(after_s)
        await self.backbone.kill()
        return 0

    def log(self) -> str:
        return Path(self._log.name).read_text(errors="replace")


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[House]:
    made = House(folder)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def ended(name: str, process: asyncio.subprocess.Process, house: House) -> int:
    """Tell a process to stop, and return how it ended, which must be in time."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(ENDED_S):
            return await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        pytest.fail(f"{name} did not stop in {ENDED_S} s:\n{house.log()[-3000:]}")


@pytest.mark.parametrize("after_line", ["taktwin ", "backbone "])
def test_the_product_itself_stops_in_the_middle_of_its_start_and_leaves_nobody(
    tmp_path: Path, after_line: str
) -> None:
    command = [str(TAKTWIN), "demo", "--no-browser", "--data", str(tmp_path / "data")]
    product = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    assert product.stdout is not None
    said = []
    for line in product.stdout:
        said.append(line)
        if line.startswith(after_line):
            break
    product.send_signal(signal.SIGINT)
    rest, _ = product.communicate(timeout=8)
    assert product.returncode == 0, "".join(said) + rest
    assert rest.rstrip().endswith("stopped"), rest
    assert "killed" not in rest
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False)
    assert left.stdout == "", "somebody was left behind"


def test_at_whatever_moment_of_its_start_a_process_is_told_to_stop_it_does(tmp_path: Path) -> None:
    """Seven processes a round, each told at another moment; in the last round the backbone is gone."""
    # A thread of its own: the browser of the tests before keeps a running loop in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, _start_and_stop_all(tmp_path)).result()


async def _start_and_stop_all(folder: Path) -> None:
    async with opened(folder) as house:

        async def start_and_stop(name: str, after_s: float) -> int:
            process = await house.start(name)
            await asyncio.sleep(after_s)  # the moment is what is tested
            return await ended(name, process, house)

        for turn in range(2):
            places = [(place + 3 * turn) % len(NAMES) for place in range(len(NAMES))]
            moments = [0.4 + 0.4 * turn + 0.8 * place for place in places]
            running = [start_and_stop(*case) for case in zip(NAMES, moments, strict=True)]
            if turn == 1:
                running.append(house.lose_backbone(after_s=1.5))
            codes = await asyncio.gather(*running)
            wrong = {
                case: code
                for case, code in zip(zip(NAMES, moments, strict=True), codes, strict=False)
                if code not in CLEANLY
            }
            assert not wrong, f"{wrong}\n{house.log()[-3000:]}"
