"""The product as a user starts it: one command, one address, real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TAKTWIN = Path(sys.executable).parent / "taktwin"


class Product:
    """A running `taktwin demo`, or `taktwin up <plant>`; use as a context manager."""

    def __init__(
        self, data: Path, *words: str, command: str = "demo", plant: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.data, self.environment = data, environment
        self.words = [command, *([plant] if plant else []), "--no-browser", "--data", str(data), *words]
        self.lines: list[str] = []
        self.url = ""
        self.cookie = ""  # of a real plant: its first start makes the admin, each start signs in

    def __enter__(self) -> Product:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [str(TAKTWIN), *self.words], cwd=ROOT, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        try:
            until(lambda: self.url or self.process.poll() is not None, 90, lambda: "\n".join(self.lines))
            assert self.url, "the product did not start:\n" + "\n".join(self.lines)
        except BaseException:
            self.stop()  # nobody else would: what fails here never reaches the end of the block
            raise
        self.ready_s = time.monotonic() - self.started
        if self.words[0] == "up":
            self.sign_in()
        return self

    def sign_in(self) -> None:
        """Sign in as the admin; where there is none yet, make it with the code that the console shows."""
        said = re.search(r"^set-up code +(\S+):", "\n".join(self.lines), re.MULTILINE)
        admin = {"account": "boss", "password": "a long walk home"}
        if said is not None:
            self.api("/session/set-up", {**admin, "code": said[1]})
        with urllib.request.urlopen(self._request("/session", admin), timeout=20) as answer:
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if match := re.match(r"the plant +(http://\S+)", line):
                self.url = match[1]

    def stop(self) -> float:
        """Stop it as Ctrl C does and return how many seconds that took."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        return time.monotonic() - begun

    def api(self, path: str, body: object | None = None) -> Any:
        """Ask the web API and return the JSON answer."""
        with urllib.request.urlopen(self._request(path, body), timeout=20) as answer:
            return json.loads(answer.read())

    def _request(self, path: str, body: object | None) -> urllib.request.Request:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Origin": self.url.rstrip("/")}
        if self.cookie:
            headers["Cookie"] = self.cookie
        return urllib.request.Request(self.url.rstrip("/") + "/api/v1" + path, data=data, headers=headers)

    def process_id(self, name: str) -> int:
        """Return the operating system's id of one process of the product."""
        return int(next(p["pid"] for p in self.api("/system")["processes"] if p["component"] == name))

    def kill(self, name: str) -> None:
        """End one process without any warning."""
        os.kill(self.process_id(name), signal.SIGKILL)

    def unit(self, name: str) -> dict[str, Any]:
        """Return the document of a work unit as the page shows it."""
        return dict(self.api(f"/units/{name}")["document"])


def until(true: Callable[[], Any], within_s: float, explain: Callable[[], str] = lambda: "") -> Any:
    """Return the first true answer; fail with an explanation if none comes in time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        answer = true()
        if answer:
            return answer
        threading.Event().wait(0.1)
    raise AssertionError(f"not within {within_s} s. {explain()}")
