"""OPC UA: subscriptions, watched through the server's own clock, one bad node never blocking others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from asyncua.crypto import security_policies

from taktwin.errors import ConnectError
from taktwin.gateway.connector import (
    Alive,
    BadAddress,
    Confirmed,
    Connector,
    Context,
    Item,
    Reading,
    Settings,
)
from taktwin.instants import SECOND_NS
from taktwin.quality import Quality

# The library tells each failed request with a traceback; what matters is told by our own states.
for _name in ("asyncua", "asyncua.client.ua_client.UaClient", "asyncua.client.client"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

CURRENT_TIME = ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_CurrentTime))
CURRENT_TIME_HANDLE = 0
ANSWER_NS_MAX = SECOND_NS
# The library asks by itself whether the server lives, and would not wait for its answer for longer than
# this: our own watch is the one that the settings speak of, and it knows when we were late.
LIBRARY_WATCH_S = 30.0
LIMIT_NODE = ua.NodeId(
    ua.Int32(ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall)
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POLICIES: dict[str, Any] = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
NO_DATA = frozenset(
    {ua.StatusCodes.BadWaitingForInitialData, ua.StatusCodes.BadNoDataAvailable, ua.StatusCodes.BadNoData}
)
WORLD = (ua.UaError, OSError, TimeoutError, ConnectionError, asyncio.IncompleteReadError)


class OpcUaSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an OPC UA connection."""

    publishing_interval_ms: float = 50.0
    sampling_interval_ms: float = 0.0  # 0: as fast as the server has it
    queue_size: int = 100  # values that the server keeps per node while we are slow or cut off
    items_per_call: int = 500  # less where the server's OperationLimits say so
    security_policy: str = ""  # "" | Basic256Sha256 | Aes128_Sha256_RsaOaep | Aes256_Sha256_RsaPss
    security_mode: str = "SignAndEncrypt"  # or Sign
    certificate: str = ""  # file, relative to the plant folder
    private_key: str = ""
    server_certificate: str = ""
    user: str = ""
    password: str = ""
    waiting_max: int = 20_000  # notifications between the socket and us; beyond it the server waits


class OpcUa(Connector, name="opcua", settings=OpcUaSettings):
    """OPC UA client: values by subscription, with the source's own time and status.

    An address names its namespace by URI, never by index, because indices change with a server's
    configuration: `nsu=urn:vendor:machine;s=turn1.spindle.load` (or `i=`, `g=`, `b=`). Namespace 0
    needs no `nsu`.

    The endpoint is `opc.tcp://host:port/path`. Latency is the publishing interval: half of it on
    average. 50 ms suits a cell, 10 ms a fast one. Nodes that the server refuses are reported one by
    one and tried again after each reconnect; all others flow. Requests are split by the server's
    OperationLimits.

    The connection counts as lost when neither data nor a keep-alive has come for `silence_s`, or when
    the server's clock, which is subscribed beside the values, stands still: a socket that is open
    proves nothing. Each answer of a living subscription vouches for all values.

    Status codes become qualities by their severity: Good, Uncertain, Bad. A Bad value is no value.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._settings: OpcUaSettings = context.settings
        self._client: Client | None = None
        self._queue: deque[tuple[int, ua.PublishResult]] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._addresses: dict[int, str] = {}  # client handle -> address
        self._silent: set[int] = set()  # handles without a first value
        self._node_ids: dict[str, ua.NodeId] = {}
        self._bad: list[Item] = []
        self._stands_ns = 0  # for how long, of what we heard, the server's clock has not moved
        self._answered_mono_ns = 0
        self._time_watched = False
        self._fastest_ns: deque[tuple[int, int]] = deque()  # (minute, least apparent delay in it)
        self._ended = ""
        self._opened_mono_ns = 0
        self._filled_in = False
        self._told_bad: set[str] = set()

    async def connect(self) -> None:
        """Open session and subscription, and monitor every address that the server takes."""
        settings = self._settings
        client = Client(
            self.context.endpoint,
            timeout=max(settings.connect_timeout_s - 1.0, 1.0),
            watchdog_intervall=LIBRARY_WATCH_S,
        )
        client.name = client.description = "taktwin gateway"
        client.application_uri = "urn:taktwin:gateway"
        client.session_timeout = 60_000
        if settings.user:
            client.set_user(settings.user)
            client.set_password(settings.password)
        self._client = client
        try:
            await self._secure(client)
            await client.connect()
            uris: list[str] = await client.get_namespace_array()
            await self._subscribe(client, uris)
        except WORLD as error:
            raise ConnectError(f"{self.context.endpoint}: {_words(error)}") from error
        self._begin(self.clock.monotonic_ns())

    def _begin(self, mono_ns: int) -> None:
        self._opened_mono_ns = self._answered_mono_ns = mono_ns

    async def _secure(self, client: Client) -> None:
        settings = self._settings
        if not settings.security_policy:
            return
        policy = POLICIES.get(settings.security_policy)
        if policy is None:
            raise ConnectError(
                f"security policy {settings.security_policy!r}; expected one of {', '.join(POLICIES)}"
            )
        await client.set_security(
            policy,
            certificate=self._file(settings.certificate),
            private_key=self._file(settings.private_key),
            server_certificate=self._file(settings.server_certificate) or None,
            mode=ua.MessageSecurityMode[settings.security_mode],
        )

    def _file(self, name: str) -> str:
        return str(Path(self.context.folder) / name) if name else ""

    async def _subscribe(self, client: Client, uris: Sequence[str]) -> None:
        settings = self._settings
        interval_ms = settings.publishing_interval_ms
        parameters = ua.CreateSubscriptionParameters()
        parameters.RequestedPublishingInterval = interval_ms
        # A keep-alive at least every 250 ms vouches for values that do not change.
        keep_alive = max(1, int(250 / max(interval_ms, 1.0)))
        parameters.RequestedMaxKeepAliveCount = keep_alive
        parameters.RequestedLifetimeCount = max(10 * keep_alive, int(30_000 / max(interval_ms, 1.0)))
        parameters.MaxNotificationsPerPublish = 10_000
        parameters.PublishingEnabled = True
        parameters.Priority = 0
        made = await client.uaclient.create_subscription(parameters, self._published)
        limit = await self._limit(client)
        await self._monitor(client, made.SubscriptionId, [(CURRENT_TIME_HANDLE, CURRENT_TIME)])
        self._time_watched = not self._bad
        self._bad.clear()
        items: list[tuple[int, ua.NodeId]] = []
        for handle, wanted in enumerate(self.context.wanted, start=1):
            try:
                node_id = node_id_of(wanted.address, uris)
            except ValueError as error:
                self._bad.append(BadAddress(wanted.address, str(error)))
                continue
            self._addresses[handle] = wanted.address
            self._node_ids[wanted.address] = node_id
            items.append((handle, node_id))
        for at in range(0, len(items), limit):
            await self._monitor(client, made.SubscriptionId, items[at : at + limit])

    async def _limit(self, client: Client) -> int:
        node = client.get_node(LIMIT_NODE)
        limit = 0
        with contextlib.suppress(ua.UaStatusCodeError):  # an optional node
            value = await node.read_value()
            limit = int(value or 0)
        return min(limit, self._settings.items_per_call) if limit > 0 else self._settings.items_per_call

    async def _monitor(
        self, client: Client, subscription: int, items: Sequence[tuple[int, ua.NodeId]]
    ) -> None:
        """Monitor items; a call that fails as a whole is halved until the bad ones stand alone."""
        parameters = ua.CreateMonitoredItemsParameters()
        parameters.SubscriptionId = subscription
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.ItemsToCreate = [self._request(handle, node_id) for handle, node_id in items]
        try:
            results = await client.uaclient.create_monitored_items(parameters)
        except ua.UaStatusCodeError as error:
            if error.code in _ENDS:
                raise
            if len(items) == 1:
                self._refuse(items[0][0], _words(error))
                return
            half = len(items) // 2
            await self._monitor(client, subscription, items[:half])
            await self._monitor(client, subscription, items[half:])
            return
        for (handle, _), result in zip(items, results, strict=True):
            if result.StatusCode.is_good():
                if handle != CURRENT_TIME_HANDLE:
                    self._silent.add(handle)
            else:
                self._refuse(handle, status_words(result.StatusCode))

    def _refuse(self, handle: int, reason: str) -> None:
        self._bad.append(BadAddress(self._addresses.pop(handle, "server clock"), reason))

    def _request(self, handle: int, node_id: ua.NodeId) -> ua.MonitoredItemCreateRequest:
        request = ua.MonitoredItemCreateRequest()
        request.ItemToMonitor.NodeId = node_id
        request.ItemToMonitor.AttributeId = ua.AttributeIds.Value
        request.MonitoringMode = ua.MonitoringMode.Reporting
        request.RequestedParameters.ClientHandle = handle
        clock = handle == CURRENT_TIME_HANDLE
        request.RequestedParameters.SamplingInterval = 500.0 if clock else self._settings.sampling_interval_ms
        request.RequestedParameters.QueueSize = 1 if clock else self._settings.queue_size
        request.RequestedParameters.DiscardOldest = True
        return request

    async def _published(self, result: ua.PublishResult) -> None:
        # Until this returns no further answer is asked for: so the server keeps what we cannot take.
        self._queue.append((self.clock.monotonic_ns(), result))
        self._wake.set()
        if len(self._queue) >= max(2, self._settings.waiting_max // 100):
            self._room.clear()
            await self._room.wait()

    async def read(self) -> AsyncIterator[list[Item]]:
        """Yield what each answer of the subscription brings, and the proof that it lives."""
        if self._bad:
            self._told_bad = {item.address for item in self._bad if isinstance(item, BadAddress)}
            yield list(self._bad)
            self._bad.clear()
        while True:
            while self._queue:
                received, result = self._queue.popleft()
                self._room.set()
                yield self._items(received, result)
            if self._ended:
                raise ConnectError(f"{self.context.endpoint}: {self._ended}")
            self._check_transport()
            filled = await self._fill_in()
            if filled:
                yield filled
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with self.clock.timeout(0.25):
                    await self._wake.wait()

    def _check_transport(self) -> None:
        client = self._client
        if client is None or client.uaclient.protocol is None or client.uaclient.protocol.is_closed:
            raise ConnectError(f"{self.context.endpoint}: the server closed the connection")

    async def _fill_in(self) -> list[Item]:
        """Read once what the subscription has not said within two seconds of its start."""
        if self._filled_in or not self._silent:
            self._filled_in = True
            return []
        if self.clock.monotonic_ns() - self._opened_mono_ns < 2 * SECOND_NS:
            return []
        client = self._client
        assert client is not None, "connected before it is read"
        items: list[Item] = []
        handles = sorted(self._silent)
        for at in range(0, len(handles), self._settings.items_per_call):
            part = handles[at : at + self._settings.items_per_call]
            ids = [self._node_ids[self._addresses[handle]] for handle in part]
            try:
                values = await client.uaclient.read_attributes(ids, ua.AttributeIds.Value)
            except WORLD as error:
                raise ConnectError(f"{self.context.endpoint}: {_words(error)}") from error
            now = self.clock.monotonic_ns()
            items += [
                self._reading(self._addresses[handle], value, now, standing=True)
                for handle, value in zip(part, values, strict=True)
            ]
        self._silent.clear()
        self._filled_in = True
        return items

    def _items(self, received: int, result: ua.PublishResult) -> list[Item]:
        message = result.NotificationMessage
        items: list[Item] = []
        # A living subscription answers four times a second. A longer wait was ours (no turn) or the
        # network's, and is watched by others: it says nothing about the server's clock.
        self._stands_ns += min(received - self._answered_mono_ns, ANSWER_NS_MAX)
        self._answered_mono_ns = received
        for notification in message.NotificationData or []:
            if isinstance(notification, ua.DataChangeNotification):
                self._data(notification.MonitoredItems, received, items)
            elif isinstance(notification, ua.StatusChangeNotification):
                self._ended = _end_words(notification.Status)
        if self._time_watched and self._stands_ns > max(self._settings.silence_s, 2.0) * SECOND_NS:
            self._ended = f"the server's clock stands still for {self._stands_ns / SECOND_NS:.1f} s"
        elif not self._silent and not self._ended:
            items.append(self._vouch(message.PublishTime, received))
        else:
            items.append(Alive())
        return items

    def _data(self, changes: Sequence[Any], received: int, items: list[Item]) -> None:
        for change in changes:
            handle = change.ClientHandle
            if handle == CURRENT_TIME_HANDLE:
                self._stands_ns = 0
                continue
            address = self._addresses.get(handle)
            if address is None:
                continue
            standing = handle in self._silent
            if standing:
                self._silent.discard(handle)
            reading = self._reading(address, change.Value, received, standing=standing)
            items.append(reading)

    def _reading(self, address: str, value: ua.DataValue, received: int, *, standing: bool) -> Reading:
        status = value.StatusCode
        stamp = value.SourceTimestamp or value.ServerTimestamp
        source_ns = None if stamp is None else _ns(stamp)
        quality = Quality.GOOD if status is None else _quality(status)
        plain = None if value.Value is None else _plain(value.Value.Value)
        return Reading(address, plain, source_ns, received, quality, standing=standing)

    def _vouch(self, published: datetime | None, received: int) -> Item:
        """Return until when this answer vouches, in our time, whatever the server's clock says.

        The apparent delay of an answer (our receipt minus its publish time) is some constant plus how
        long it was really under way; the least one seen in the last minutes is that constant.
        """
        now_ns = self.clock.now_ns()
        if published is None:
            return Confirmed(now_ns)
        apparent_ns = received - _ns(published)
        minute = received // (60 * SECOND_NS)
        if not self._fastest_ns or self._fastest_ns[-1][0] != minute:
            self._fastest_ns.append((minute, apparent_ns))
            if len(self._fastest_ns) > 3:
                self._fastest_ns.popleft()
        elif apparent_ns < self._fastest_ns[-1][1]:
            self._fastest_ns[-1] = (minute, apparent_ns)
        late_ns = apparent_ns - min(least for _, least in self._fastest_ns)
        waited_ns = self.clock.monotonic_ns() - received
        return Confirmed(now_ns - int((late_ns + waited_ns) * self.clock.speed))

    async def close(self) -> None:
        """End session and socket; a server that does not answer is not waited for."""
        client, self._client = self._client, None
        self._room.set()
        if client is None:
            return
        with contextlib.suppress(*WORLD):
            async with self.clock.timeout(1.0):
                await client.disconnect()
        with contextlib.suppress(*WORLD):
            client.disconnect_socket()

    async def browse(self) -> AsyncIterator[tuple[str, str]]:
        """Yield every variable below Objects, by namespace URI, with its display name."""
        client = self._client
        assert client is not None, "connected before it is browsed"
        uris = await client.get_namespace_array()
        seen: set[ua.NodeId] = set()
        todo = deque([client.nodes.objects])
        while todo:
            node = todo.popleft()
            for description in await node.get_children_descriptions():
                node_id = ua.NodeId(description.NodeId.Identifier, description.NodeId.NamespaceIndex)
                if node_id in seen or node_id.NamespaceIndex == 0:
                    continue
                seen.add(node_id)
                if description.NodeClass == ua.NodeClass.Variable:
                    yield address_of(node_id, uris), str(description.DisplayName.Text or "")
                todo.append(client.get_node(node_id))


_ENDS = frozenset(
    {
        ua.StatusCodes.BadSubscriptionIdInvalid,
        ua.StatusCodes.BadSessionIdInvalid,
        ua.StatusCodes.BadSessionClosed,
        ua.StatusCodes.BadSecureChannelClosed,
        ua.StatusCodes.BadTimeout,
        ua.StatusCodes.BadTooManyMonitoredItems,
    }
)


def _end_words(status: ua.StatusCode) -> str:
    # The client library says this of a broken connection too; a server that was killed says nothing.
    if status.value == ua.StatusCodes.BadShutdown:
        return "the server shut down, or the connection to it broke"
    return f"the server ended the subscription: {status_words(status)}"


def node_id_of(address: str, uris: Sequence[str]) -> ua.NodeId:
    """Return the node id that an address means on a server with these namespaces, in its order.

    Raises
    ------
    ValueError
        If the address cannot be read, or the server does not have its namespace.
    """
    rest, index = address, 0
    if address.startswith("nsu="):
        uri, separator, rest = address[4:].partition(";")
        if not separator:
            raise ValueError(f"{address!r}: expected nsu=<uri>;s=<id>")
        if uri not in uris:
            raise ValueError(f"the server has no namespace {uri!r}")
        index = list(uris).index(uri)
    elif address.startswith("ns="):
        raise ValueError(f"{address!r}: expected the namespace by its URI (nsu=...), not by its index")
    try:
        return ua.NodeId.from_string(f"ns={index};{rest}")
    except ua.UaStringParsingError as error:
        raise ValueError(f"{address!r}: expected nsu=<uri>;s=<id> (or i=, g=, b=)") from error


def address_of(node_id: ua.NodeId, uris: Sequence[str]) -> str:
    """Return the address of a node, independent of the server's namespace order."""
    text = str(node_id.to_string())
    body = text.partition(";")[2] if text.startswith("ns=") else text
    return f"nsu={uris[node_id.NamespaceIndex]};{body}" if node_id.NamespaceIndex else body


def _quality(status: ua.StatusCode) -> Quality:
    if status.value in NO_DATA:
        return Quality.GOOD_NO_DATA
    severity = status.value >> 30
    return Quality.GOOD if severity == 0 else Quality.UNCERTAIN if severity == 1 else Quality.BAD


def _ns(stamp: datetime) -> int:
    aware = stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1) * 1000


def _plain(value: Any) -> Any:
    """Return a value of the OPC UA library as plain Python, bit for bit."""
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    if isinstance(value, datetime):
        return _ns(value)
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    if isinstance(value, ua.LocalizedText):
        return value.Text
    if isinstance(value, ua.StatusCode):
        return value.name
    if isinstance(value, ua.QualifiedName):
        return value.Name
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):  # enumerations and the library's own integer types
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str(value)


def status_words(status: ua.StatusCode) -> str:
    """Return a status as OPC UA names it and in plain words: `BadTimeout: the operation timed out`."""
    words = str(status.doc).rstrip(".")
    return f"{status.name}: {words[:1].lower()}{words[1:]}" if words else str(status.name)


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ua.UaStatusCodeError):
        return status_words(ua.StatusCode(error.code))
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
