"""The network between a browser and the portal, which a test can cut and mend while the browser waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from tests.support_proxy import Proxy


class Cable:
    """A proxy in a thread of its own: the browser's driver keeps the test's."""

    def __init__(self, port: int) -> None:
        self._proxy = Proxy("127.0.0.1", port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def port(self) -> int:
        """Where the browser connects."""
        return self._proxy.port

    def __enter__(self) -> Cable:
        """Connect."""
        self._thread.start()
        self._do(self._proxy.start())
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self._do(self._proxy.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Close every connection and refuse new ones."""
        self._do(self._proxy.cut())

    def mend(self) -> None:
        """Let the browser through again, at the same address."""
        self._do(self._proxy.restore())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)
