"""The gateway: machines speak once. Runs the connections, publishes scans, events, health.

Everything that must not be lost (scans, connector events, rejections) goes through the `Forwarder`:
stored by the backbone, or on disk until it is back. What nobody has mapped goes out once a minute
an address on its `_raw` subject: please confirm.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from taktwin.bus.buffer import Record
from taktwin.bus.forward import Forwarder
from taktwin.bus.port import Bus
from taktwin.clock import Clock
from taktwin.contracts import events, quarantine, state, topics
from taktwin.contracts.quarantine import Rejection
from taktwin.contracts.vouching import confirmed_every_ns
from taktwin.entropy import Entropy
from taktwin.errors import BusError, ConfigError, Mistake
from taktwin.gateway.attention import Attention
from taktwin.gateway.connection import Running
from taktwin.gateway.connector import Connector, Context, Reading, Settings, Wanted, connectors
from taktwin.gateway.engine import ALIVE, Lifecycle, Patience, Report
from taktwin.gateway.mirror import Mirror
from taktwin.gateway.resolve import Policy, Resolver, Sample
from taktwin.gateway.scans import Scans
from taktwin.identity import Place
from taktwin.instants import MILLISECOND_NS, SECOND_NS, rfc3339
from taktwin.plant.registry import Connection, Registry

UNMAPPED_AGAIN_NS = 60 * SECOND_NS
UNMAPPED_MAX = 10_000
ORIGINALS_PER_SECOND = 20  # of a storm of refused messages the rest keeps only the first bytes
WINDOW_TURN_S = 60.0
log = logging.getLogger("taktwin.gateway")


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What this installation says about its gateway."""

    endpoints: Mapping[str, str] = field(default_factory=dict)  # connection name -> address to use instead
    mqtt_endpoint: str = ""  # the plant's own MQTT listener
    mqtt_user: str = ""
    mqtt_password: str = ""
    own_mqtt: bool = False  # MQTT connections without an endpoint of this installation go to our listener
    memory_mb: Callable[[], float] = lambda: 0.0
    pid: int = 0


class Gateway:
    """All connections of one plant."""

    def __init__(
        self,
        registry: Registry,
        bus: Bus,
        forwarder: Forwarder,
        clock: Clock,
        entropy: Entropy,
        *,
        epoch_ns: int,
        settings: GatewaySettings,
        mirror: Mirror | None = None,
        secret: Callable[[str], str] = lambda reference: reference,
    ) -> None:
        self._registry = registry
        self._bus = bus
        self._forwarder = forwarder
        self._clock = clock
        self._entropy = entropy
        self._epoch_ns = epoch_ns
        self._settings = settings
        self._mirror = mirror
        self._secret = secret
        self._site = Place(registry.enterprise, registry.site)
        self._attention = Attention(clock)
        self._started_ns = clock.now_ns()
        self._event_numbers: dict[str, int] = {}
        self._rejections = 0
        self._originals_left = ORIGINALS_PER_SECOND
        self._unmapped: dict[tuple[str, str], int] = {}
        self._outgoing: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(maxsize=1000)
        self._stopping = False
        kinds = connectors()
        self.running = {
            name: self._running(connection, kinds) for name, connection in registry.connections.items()
        }

    def _running(self, connection: Connection, kinds: Mapping[str, type[Connector]]) -> Running:
        kind = kinds.get(connection.connector)
        if kind is None:
            raise ConfigError(
                [_mistake(connection, "connector", connection.connector, f"one of {', '.join(kinds)}")]
            )
        raw = {key: value for key, value in connection.settings.items() if key != "endpoint"}
        try:
            own: Settings = msgspec.convert(self._resolved(raw), kind.settings)
        except msgspec.ValidationError as error:
            raise ConfigError([_mistake(connection, "settings", str(raw), str(error))]) from error
        endpoint = self._endpoint(connection)
        signals = [self._registry.signals[index] for index in connection.signals]
        ours = endpoint == self._settings.mqtt_endpoint
        context = Context(
            connection=connection.name,
            endpoint=endpoint,
            settings=own,
            wanted=[Wanted(s.address, s.type, s.options, s.period_s) for s in signals],
            clock=self._clock,
            user=self._settings.mqtt_user if ours else "",
            password=self._settings.mqtt_password if ours else "",
            folder=self._registry.folder,
        )
        patience = Patience(
            connect_s=own.connect_timeout_s,
            silence_s=own.silence_s,
            retry_first_s=own.retry_first_s,
            retry_max_s=own.retry_max_s,
        )
        policy = Policy(own.out_of_range, own.clock_skew, own.clock_skew_s_max)
        return Running(
            name=connection.name,
            kind=kind,
            context=lambda: context,
            endpoint=endpoint,
            resolver=Resolver(
                connection.name, signals, policy=policy, polls=kind.polls, vouches=kind.vouches
            ),
            lifecycle=Lifecycle(patience, self._entropy.stream(f"back-off/{connection.name}").random),
            scans=Scans(connection.name, self._registry.prefix, self._epoch_ns, signals),
            sink=self,
            clock=self._clock,
            attention=self._attention,
        )

    def _endpoint(self, connection: Connection) -> str:
        chosen = self._settings.endpoints.get(connection.name, "")
        if chosen:
            return chosen
        declared = str(connection.settings.get("endpoint", ""))
        if connection.connector == "mqtt" and (self._settings.own_mqtt or not declared):
            return self._settings.mqtt_endpoint
        return declared

    def _resolved(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {key: self._secret(value) if isinstance(value, str) else value for key, value in raw.items()}

    async def run(self) -> None:
        """Run until cancelled; connections are closed in time."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._attention.run(), name="attention")
            group.create_task(self._confirm(), name="confirmations")
            group.create_task(self._each_second(), name="health")
            group.create_task(self._speak(), name="please confirm")
            for running in self.running.values():
                group.create_task(running.run(), name=f"run {running.name}")

    async def _confirm(self) -> None:
        """Vouch for quiet units: once a plant second, but not more than four times a wall second."""
        period_ns = confirmed_every_ns(self._clock.speed)
        period_wall_s = period_ns / SECOND_NS / self._clock.speed
        while True:
            await self._clock.wall_sleep(period_wall_s / 4)
            now_ns = self._clock.now_ns()
            for running in self.running.values():
                # A quarter less than the period, because the next look comes a quarter later.
                running.confirm(now_ns, period_ns=period_ns * 3 // 4)

    async def _each_second(self) -> None:
        seconds = 0
        while True:
            await self.say_health()
            await self._clock.wall_sleep(1.0)
            seconds += 1
            self._originals_left = ORIGINALS_PER_SECOND
            for running in self.running.values():
                running.rates.turn(running.resolver.counters.received)
                if seconds % int(WINDOW_TURN_S) == 0:
                    running.source_hop.turn()
                    running.gateway_hop.turn()
            if self._mirror is not None:
                self._mirror.turn()

    async def say_health(self) -> None:
        """Publish the heartbeat: once a second, and a last time when everything is flushed."""
        payload = state.encode(self.health())
        subject = topics.health(self._registry.enterprise, self._registry.site, "gateway")
        try:
            await self._bus.publish(subject, payload)
        except BusError:
            return  # the backbone is away: the missing heartbeat says so

    async def _speak(self) -> None:
        while True:
            subject, payload = await self._outgoing.get()
            try:
                await self._bus.publish(subject, payload)
            except BusError:
                continue  # said again with the next value of the address

    def health(self) -> state.Health:
        """Return the heartbeat: every connection with its counters and hops."""
        connections = [self._connector_health(running) for running in self.running.values()]
        troubled = [c.name for c in connections if c.state not in ("running", "stopped", "connecting")]
        buffer = self._forwarder.buffer
        reason = ", ".join(f"{name} {self.running[name].lifecycle.state}" for name in troubled)
        if buffer.messages:
            reason = f"{reason}; " if reason else ""
            reason += f"{buffer.messages} messages wait on disk for the backbone"
        if buffer.dropped:
            reason += f"; {buffer.dropped} messages given up because the buffer was full"
        return state.Health(
            component="gateway",
            state="stopping" if self._stopping else "degraded" if reason else "running",
            reason=reason,
            started_ns=self._started_ns,
            at_ns=self._clock.now_ns(),
            pid=self._settings.pid,
            memory_mb=self._settings.memory_mb(),
            counters={
                "acknowledged": self._forwarder.acknowledged,
                "resent": self._forwarder.resent,
                "too_large": self._forwarder.too_large,
                "buffer_messages": buffer.messages,
                "buffer_bytes": buffer.bytes,
                "buffer_dropped": buffer.dropped,
                "mirrored": 0 if self._mirror is None else self._mirror.published,
                "stalled_ms": int(self._attention.stalled_s * 1000),
            },
            hops=[],
            connectors=connections,
        )

    def _connector_health(self, running: Running) -> state.ConnectorHealth:
        counters, lifecycle = running.resolver.counters, running.lifecycle
        hops = (running.source_hop.statistics(), running.gateway_hop.statistics())
        return state.ConnectorHealth(
            name=running.name,
            protocol=running.kind.name,
            endpoint=running.endpoint,
            state=lifecycle.state.value,
            reason=lifecycle.reason,
            received=counters.received,
            published=counters.published,
            quarantined=counters.quarantined,
            deadband=counters.deadband,
            unmapped=counters.unmapped,
            gaps=lifecycle.losses,
            reconnects=lifecycle.reconnects,
            waiting=self._forwarder.waiting[running.name],
            last_received_ns=running.last_received_ns,
            clock_offset_ms=running.resolver.clock_offset_ms,
            work_units=running.scans.work_units,
            bad_addresses=[f"{address}: {why}" for address, why in lifecycle.bad_addresses.items()][:100],
            hops=[hop for hop in hops if hop is not None],
            last_minute=list(running.rates.seconds),
            since_ns=lifecycle.since_ns,
        )

    # What the connections say (gateway.connection.Sink); nothing here waits.

    def scan(self, record: Record) -> None:
        """Publish a scan."""
        self._forwarder.offer(record)

    def sample(self, sample: Sample) -> None:
        """Let the mirror know."""
        if self._mirror is not None:
            self._mirror.note(sample)

    def rejected(self, connection: Running, rejection: Rejection) -> None:
        """Put what was refused into quarantine."""
        self._originals_left -= 1
        if self._originals_left < 0:
            rejection = msgspec.structs.replace(rejection, original=rejection.original[:256])
        signal = self._registry.by_id.get(rejection.signal)  # type: ignore[call-overload]
        place = self._site if signal is None else signal.place
        self._rejections += 1
        self._forwarder.offer(
            Record(
                subject=topics.rejected(place, rejection.reason),
                message_id=f"{connection.name}:rejected:{self._epoch_ns}:{self._rejections}",
                headers={topics.H_INGEST_NS: str(rejection.at_ns)},
                payload=quarantine.encode(rejection),
            )
        )

    def unmapped(self, connection: Running, reading: Reading) -> None:
        """Say on its raw subject what no signal has for an address: please confirm."""
        if reading.address.startswith("uns/"):
            return  # it came from the namespace: it is there already
        key, now_ns = (connection.name, reading.address), self._clock.now_ns()
        last_ns = self._unmapped.get(key)
        if last_ns is not None and now_ns - last_ns < UNMAPPED_AGAIN_NS * self._clock.speed:
            return
        if (last_ns is None and len(self._unmapped) >= UNMAPPED_MAX) or self._outgoing.full():
            return
        self._unmapped[key] = now_ns
        document = {
            "timestamp_ms": (reading.source_ns or now_ns) // MILLISECOND_NS,
            "value": reading.value if not isinstance(reading.value, bytes) else reading.value.hex(),
            "q": reading.quality.label,
            "address": reading.address,
        }
        subject = topics.raw(self._site, connection.name, encode_path(reading.address))
        self._outgoing.put_nowait((subject, msgspec.json.encode(document)))

    def state(self, connection: Running, report: Report) -> None:
        """Tell everybody that a connection's state changed."""
        source = f"/{self._registry.enterprise}/{self._registry.site}/gateway/{connection.name}"
        # Monotonic over restarts: the epoch grows by far more than one per event.
        number = self._event_numbers.get(connection.name, 0) + 1
        self._event_numbers[connection.name] = number
        content = events.ConnectorStateChanged(
            connector=connection.name,
            state=report.state.value,
            reason=report.reason,
            work_units=connection.scans.work_units,
        )
        event = events.make(
            content,
            source=source,
            sequence=self._epoch_ns + number,
            time_ns=report.time_ns,
            subject=connection.name,
        )
        event = msgspec.structs.replace(event, ingesttime=rfc3339(self._clock.now_ns()))
        self._forwarder.offer(
            Record(
                subject=topics.event(self._site, content.event_type),
                message_id=f"{connection.name}:event:{event.id}",
                headers={
                    "ce-id": event.id,
                    "ce-source": event.source,
                    "ce-type": event.type,
                    "ce-time": event.time,
                    "ce-specversion": event.specversion,
                },
                payload=events.encode(event),
            )
        )

    @property
    def all_alive(self) -> bool:
        """Return whether every connection runs, degraded or not."""
        return all(running.lifecycle.state in ALIVE for running in self.running.values())

    def stopping(self) -> None:
        """Note that the end is near, for the last heartbeat."""
        self._stopping = True


_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def encode_path(address: str) -> str:
    """Return a device's own address as one level of a subject, reversibly: percent style."""
    encoded = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), address)
    return encoded[:200]


def _mistake(connection: Connection, what: str, found: str, expected: str) -> Mistake:
    file, _, line = connection.described_in.rpartition(":")
    return Mistake(
        file or connection.described_in,
        int(line) if line.isdigit() else 0,
        f"connections.{connection.name}.{what}",
        found,
        expected,
    )
