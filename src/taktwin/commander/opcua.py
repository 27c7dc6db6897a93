"""OPC UA sessions of the commander: one a connection, with credentials of its own, made when needed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from asyncua import Client, ua
from asyncua.crypto import security_policies

from taktwin.clock import Clock
from taktwin.commander.driver import MachineAway
from taktwin.errors import ConfigError, Mistake
from taktwin.plant.registry import Registry

for _name in ("asyncua", "asyncua.client.ua_client.UaClient", "asyncua.client.client"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

CONNECTOR = "opcua"
LIBRARY_WATCH_S = 30.0
WORLD = (ua.UaError, OSError, TimeoutError, ConnectionError, asyncio.IncompleteReadError)
POLICIES: dict[str, Any] = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`connections.<name>.commander`: how the commander, and nobody else, enters a server to write."""

    user: str = ""
    password: str = ""  # env:NAME or file:NAME
    security_policy: str = ""  # "" | Basic256Sha256 | Aes128_Sha256_RsaOaep | Aes256_Sha256_RsaPss
    security_mode: str = "SignAndEncrypt"  # or Sign
    certificate: str = ""  # file, relative to the plant folder
    private_key: str = ""
    server_certificate: str = ""
    timeout_s: float = 2.0  # wall: how long the server may take for one answer


class Session:
    """The session on one server. It stays open; who finds it broken drops it."""

    def __init__(self, endpoint: str, access: Access, folder: str, clock: Clock) -> None:
        self.endpoint = endpoint
        self.access = access
        self._folder = Path(folder)
        self._clock = clock
        self._client: Client | None = None
        self._uris: list[str] = []
        self._one_at_a_time = asyncio.Lock()

    async def client(self) -> Client:
        """Return the connected client. Raises MachineAway where it cannot connect: nothing was sent."""
        async with self._one_at_a_time:
            client = self._client
            protocol = None if client is None else client.uaclient.protocol
            if client is not None and protocol is not None and not protocol.is_closed:
                return client
            await self._drop()
            try:
                return await self._connected()
            except WORLD as error:
                await self._drop()
                raise MachineAway(f"{self.endpoint}: {words(error)}") from error

    async def _connected(self) -> Client:
        access = self.access
        client = Client(self.endpoint, timeout=access.timeout_s, watchdog_intervall=LIBRARY_WATCH_S)
        client.name = client.description = "taktwin commander"
        client.application_uri = "urn:taktwin:commander"
        client.session_timeout = 60_000
        if access.user:
            client.set_user(access.user)
            client.set_password(access.password)
        if access.security_policy:
            await client.set_security(
                POLICIES[access.security_policy], certificate=self._file(access.certificate),
                private_key=self._file(access.private_key),
                server_certificate=self._file(access.server_certificate) or None,
                mode=ua.MessageSecurityMode[access.security_mode],
            )  # fmt: skip
        self._client = client
        async with self._clock.timeout(2 * access.timeout_s):
            await client.connect()
            self._uris = await client.get_namespace_array()
        return client

    def _file(self, name: str) -> str:
        return str(self._folder / name) if name else ""

    def node_id(self, address: str) -> ua.NodeId:
        """Return the node that an address means on this server. Raises ValueError where it means none."""
        rest, index = address, 0
        if address.startswith("nsu="):
            uri, _, rest = address[4:].partition(";")
            if uri not in self._uris:
                raise ValueError(f"the server has no namespace {uri!r}")
            index = self._uris.index(uri)
        try:
            return ua.NodeId.from_string(f"ns={index};{rest}")
        except ua.UaStringParsingError as error:
            raise ValueError(f"{address!r}: expected nsu=<uri>;s=<id> (or i=, g=, b=)") from error

    async def drop(self) -> None:
        """End the session; the next command makes a new one."""
        async with self._one_at_a_time:
            await self._drop()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        with contextlib.suppress(*WORLD):
            async with self._clock.timeout(0.5):
                await client.disconnect()
        with contextlib.suppress(*WORLD):
            client.disconnect_socket()


class Sessions:
    """All sessions, by connection."""

    def __init__(
        self, registry: Registry, endpoints: Mapping[str, str], clock: Clock, secret: Callable[[str], str]
    ) -> None:
        self._by_connection: dict[str, Session] = {}
        for name, connection in registry.connections.items():
            if connection.connector != CONNECTOR:
                continue
            try:
                access = msgspec.convert(dict(connection.commander), Access, strict=False)
            except msgspec.ValidationError as error:
                place, right = f"connections.{name}.commander", ", ".join(Access.__struct_fields__)
                mistake = Mistake(connection.described_in, 0, place, str(error), right)
                raise ConfigError([mistake]) from error
            access = msgspec.structs.replace(access, password=secret(access.password))
            endpoint = endpoints.get(name) or str(connection.settings.get("endpoint", ""))
            self._by_connection[name] = Session(endpoint, access, registry.folder, clock)

    def of(self, connection: str) -> Session:
        """Return the session of a connection. Raises MachineAway where it is none of OPC UA."""
        session = self._by_connection.get(connection)
        if session is None:
            raise MachineAway(f"connection {connection!r} takes no commands: it is none of OPC UA")
        return session

    async def close(self) -> None:
        """End all sessions."""
        await asyncio.gather(*(session.drop() for session in self._by_connection.values()))


def status_words(status: ua.StatusCode) -> str:
    """Return a status as OPC UA names it and in plain words."""
    text = str(status.doc).rstrip(".")
    return f"{status.name}: {text[:1].lower()}{text[1:]}" if text else str(status.name)


def words(error: BaseException) -> str:
    """Return what went wrong, in one line."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ua.UaStatusCodeError):
        return status_words(ua.StatusCode(error.code))
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
