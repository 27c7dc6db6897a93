"""The portal as a process: says where it is, beats, stops in time, refuses an open door."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import msgspec

from taktwin import settings
from taktwin.bus.port import Message
from taktwin.contracts import topics
from taktwin.contracts.state import Health
from taktwin.settings import Installation
from tests.protocol.portal.support import NORTHFIELD, until
from tests.support_bus import start_backbone

STOP_S = 3.0


async def start(installation: Installation, password: str) -> asyncio.subprocess.Process:
    """Start the process of an installation."""
    path = settings.write(installation)
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "taktwin.processes.portal", str(path),
        env={**os.environ, settings.PASSWORD_VARIABLE: password},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def test_it_serves_beats_and_stops_cleanly_with_a_page_open(tmp_path: Path) -> None:
    backbone = await start_backbone(tmp_path / "backbone")
    try:
        supervisor = await backbone.connect("supervisor")
        beats: list[Health] = []

        def hear(message: Message) -> None:
            beats.append(msgspec.msgpack.decode(message.payload, type=Health))

        await supervisor.subscribe(topics.HEALTH, hear)
        installation = Installation(
            data_dir=str(tmp_path / "data"), plant_dir=str(NORTHFIELD), demo=True,
            nats_url=backbone.urls.nats,
        )  # fmt: skip
        process = await start(installation, backbone.passwords["portal"])
        try:
            await until(lambda: len(beats) >= 2 or process.returncode is not None)
            assert beats[-1].component == "portal"
            assert (beats[-1].pid, beats[-1].state) == (process.pid, "degraded")
            assert beats[-1].reason == "the twin is silent"
            address = msgspec.json.decode((installation.run_dir / "portal.json").read_bytes())
            async with httpx.AsyncClient(base_url=address["url"]) as http:
                plant = await http.get("/api/v1/plant")
                assert plant.json()["name"] == "Northfield e-axle plant"
                # A page that is open must not hold up the stop.
                reader, writer = await asyncio.open_connection("127.0.0.1", address["port"])
                writer.write(
                    f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{address['port']}\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
                )
                assert b"101" in await reader.readline()
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(STOP_S):
                    output, _ = await process.communicate()
                writer.close()
            assert process.returncode == 0, output.decode()
            assert b"Traceback" not in output, output.decode()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    finally:
        await backbone.close()


async def test_it_refuses_to_listen_where_others_could_reach_it(tmp_path: Path) -> None:
    installation = Installation(data_dir=str(tmp_path), plant_dir=str(NORTHFIELD), http_host="0.0.0.0")
    process = await start(installation, "")
    output, _ = await process.communicate()
    assert process.returncode == 1
    assert "http_host = '0.0.0.0': expected a loopback address" in output.decode()
    assert not (installation.run_dir / "portal.json").exists()
