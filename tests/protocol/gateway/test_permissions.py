"""What an account may not do is refused by the broker itself: tried with the accounts' own passwords.

Each attempt must be reported as a violation by the server, and nothing may arrive.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from taktwin.bus.client import NatsBus
from taktwin.bus.port import Message
from taktwin.bus.refusals import REASONS, Repetitions, refusal
from taktwin.bus.rights import RIGHTS
from taktwin.contracts import quarantine, topics
from taktwin.contracts.quarantine import Rejection
from taktwin.errors import BusError, PermissionRefused
from taktwin.identity import Place
from taktwin.instants import SECOND_NS
from taktwin.processes.backbone import Backbone, configuration
from taktwin.settings import Installation
from tests.support_bus import TestBackbone, backbone, delivered_on, stored_by  # noqa: F401
from tests.support_gateway import until

UNIT = Place("acme", "works", "area", "line", "mill1")
SITE = Place("acme", "works")
COMMAND = f"{topics.base(UNIT)}._cmd_v1.mill1.Start"
MES_EVENT = topics.event(UNIT, "job.order.started")
MACHINE_COMMAND = topics.command("acme", "works", "commander", "interlock.answer")
SAMPLE = topics.sample(UNIT)
MACHINE_WRITE = topics.raw(UNIT, "plc", "spindle.speed")


@pytest_asyncio.fixture
async def witness(backbone: TestBackbone) -> AsyncIterator[list[str]]:  # noqa: F811
    """Everything but commands that really arrives anywhere in the namespace, by subject."""
    arrived: list[str] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.username_pw_set("viewer", backbone.passwords["viewer"])
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    client.on_connect = lambda c, *_: c.subscribe("uns/v1/#")
    client.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready.set)
    client.on_message = lambda _, __, message: arrived.append(topics.to_subject(message.topic))
    client.connect(backbone.urls.mqtt_host, backbone.urls.mqtt_port)
    client.loop_start()
    await ready.wait()
    yield arrived
    client.disconnect()
    client.loop_stop()


async def allowed_marker(backbone: TestBackbone, arrived: list[str]) -> None:  # noqa: F811
    """Wait until something that is allowed has come through: what was sent before it would have too."""
    twin = await backbone.connect("twin")
    subject = topics.health("acme", "works", "twin")
    await twin.publish(subject, b"alive")
    await until(lambda: subject in arrived)


@pytest.mark.parametrize("subject", [COMMAND, MES_EVENT, SAMPLE, MACHINE_WRITE])
async def test_the_twin_cannot_publish_a_command_an_mes_event_a_sample_or_a_machine_write(
    backbone: TestBackbone,  # noqa: F811
    witness: list[str],
    subject: str,
) -> None:
    twin = await backbone.connect("twin")
    with pytest.raises(PermissionRefused):
        await twin.publish_durable(subject, b"1", message_id="x")
    await twin.publish(subject, b"1")
    await twin.flush()
    await until(lambda: len(twin.violations) == 2)
    await until(lambda: sum(subject in line for line in backbone.server.violations) == 2)
    await allowed_marker(backbone, witness)
    assert subject not in witness


@pytest.mark.parametrize(
    "user",
    [
        "twin",
        "historian",
        "portal",
        "gateway",
        "recorder",
        "virtual_plant",
        "commissioning",
        "whatif",
        "analyst",
    ],
)
@pytest.mark.parametrize("call", ["STREAM.PURGE", "STREAM.DELETE", "STREAM.UPDATE", "STREAM.MSG.DELETE"])
async def test_nobody_but_the_supervisor_may_purge_delete_or_change_a_stream(
    backbone: TestBackbone,  # noqa: F811
    user: str,
    call: str,
) -> None:
    gateway = await backbone.connect("gateway")
    await gateway.publish_durable(SAMPLE, b"kept")
    bus = await backbone.connect(user)
    with pytest.raises(PermissionRefused):
        await bus.api(f"{call}.{topics.STREAM_SAMPLES}", {"seq": 1}, timeout_s=5)
    await until(lambda: any("STREAM" in line for line in backbone.server.violations))
    supervisor = await backbone.connect("supervisor")
    info = await supervisor.api(f"STREAM.INFO.{topics.STREAM_SAMPLES}")
    assert info["state"]["messages"] == 1


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("gateway", MES_EVENT),
        ("gateway", COMMAND),
        ("gateway", topics.interval(UNIT, "class")),
        ("historian", SAMPLE),
        ("historian", topics.interval(UNIT, "class")),
        ("historian", topics.event(UNIT, "equipment.alarm.raised")),
        ("portal", SAMPLE),
        ("portal", topics.event(UNIT, "equipment.alarm.raised")),
        ("portal", COMMAND),
        *((user, MACHINE_COMMAND) for user in sorted(RIGHTS.keys() - {"mes", "mirror", "viewer", "devices"})),
        ("recorder", topics.frame("acme", "works", "live")),
        ("recorder", topics.interval(UNIT, "class")),
        *(("whatif", said) for said in (MES_EVENT, COMMAND, SAMPLE, topics.interval(UNIT, "class"))),
        *(("analyst", said) for said in (MES_EVENT, COMMAND, SAMPLE, topics.interval(UNIT, "class"))),
        ("virtual_plant", SAMPLE),
        ("virtual_plant", topics.event(SITE, "connector.state.changed")),
        *(("commissioning", said) for said in (SAMPLE, MES_EVENT, COMMAND)),
        ("twin", topics.event(UNIT, "equipment.alarm.acknowledged")),
    ],
)
async def test_each_room_says_only_what_it_owns(
    backbone: TestBackbone,  # noqa: F811
    witness: list[str],
    user: str,
    subject: str,
) -> None:
    bus = await backbone.connect(user)
    await bus.publish(subject, b"1")
    await bus.flush()
    await until(lambda: bus.violations)
    await allowed_marker(backbone, witness)
    assert subject not in witness


async def test_who_may_look_at_everything_hears_no_command(
    backbone: TestBackbone,  # noqa: F811
    witness: list[str],
) -> None:
    """A command may carry a person's PIN."""
    command = topics.command("acme", "works", "mes", "labour.log_on")
    portal = await backbone.connect("portal")
    await portal.publish(command, b'{"pin": "1234"}')
    await portal.flush()
    assert not portal.violations
    await allowed_marker(backbone, witness)
    assert command not in witness


async def test_only_the_mes_asks_the_commander_and_only_the_commander_answers(
    backbone: TestBackbone,  # noqa: F811
) -> None:
    asked: list[bytes] = []

    async def answer(message: Message) -> bytes:
        asked.append(message.payload)
        return b"done"

    commander = await backbone.connect("commander")
    await commander.serve(topics.command("acme", "works", "commander", ">"), answer)
    await commander.flush()
    mes = await backbone.connect("mes")
    assert await mes.request(MACHINE_COMMAND, b"mes") == b"done"
    rooms = ("twin", "gateway", "portal", "historian", "recorder", "virtual_plant", "commissioning",
             "supervisor", "whatif", "analyst")  # fmt: skip
    for user in rooms:
        other = await backbone.connect(user)
        with pytest.raises(BusError):
            await other.request(MACHINE_COMMAND, user.encode(), timeout_s=0.5)
        assert other.violations, f"{user} asked and nobody said no"
    assert asked == [b"mes"]
    assert not mes.violations and not commander.violations


async def test_the_played_people_hear_that_a_tool_is_in_and_nothing_else_of_the_mes(
    backbone: TestBackbone,  # noqa: F811
) -> None:
    mes, played = await backbone.connect("mes"), await backbone.connect("virtual_plant")
    heard: list[str] = []
    address = topics.any_event("acme", "works", "tool.mounted")
    await played.subscribe(address, lambda message: heard.append(message.subject))
    await played.flush()
    mounted = topics.event(UNIT, "tool.mounted")
    await mes.publish_durable(topics.event(UNIT, "tool.dismounted"), b"{}", message_id="out")
    await mes.publish_durable(mounted, b"{}", message_id="in")
    await until(lambda: heard == [mounted])
    assert not played.violations
    for other in ("maintenance.order.opened", "job.order.started"):
        await played.subscribe(topics.any_event("acme", "works", other), lambda message: None)
    await played.flush()
    await until(lambda: len(played.violations) == 2)


@pytest.mark.parametrize("user", ["viewer", "devices", "mirror"])
async def test_no_mqtt_account_gives_a_command_to_a_machine(
    backbone: TestBackbone,  # noqa: F811
    user: str,
) -> None:
    asked: list[bytes] = []

    async def answer(message: Message) -> bytes:
        asked.append(message.payload)
        return b"done"

    commander = await backbone.connect("commander")
    await commander.serve(topics.command("acme", "works", "commander", ">"), answer)
    await commander.flush()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.username_pw_set(user, backbone.passwords[user])
    ended = threading.Event()
    client.on_connect = lambda c, *_: c.publish(topics.to_topic(MACHINE_COMMAND), user.encode(), qos=0)
    client.on_disconnect = lambda *_: ended.set()
    client.connect(backbone.urls.mqtt_host, backbone.urls.mqtt_port)
    client.loop_start()
    mes = await backbone.connect("mes")
    await until(lambda: ended.is_set() or client.is_connected())
    await mes.request(MACHINE_COMMAND, b"mes")
    client.disconnect()
    client.loop_stop()
    assert asked == [b"mes"], f"{user} reached the commander"


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("gateway", SAMPLE),
        ("gateway", topics.event(SITE, "connector.state.changed")),
        ("gateway", topics.rejected(UNIT, "malformed")),
        ("twin", topics.interval(UNIT, "class")),
        ("twin", topics.event(UNIT, "equipment.alarm.raised")),
        ("twin", topics.event(UNIT, "equipment.alarm.cleared")),
        ("twin", topics.event(SITE, "twin.snapshot.taken")),
        ("twin", topics.state(UNIT, "unit", "mill1")),
        ("portal", topics.event(UNIT, "equipment.alarm.acknowledged")),
        ("portal", topics.event(UNIT, "equipment.alarm.shelved")),
        ("portal", topics.event(UNIT, "equipment.alarm.unshelved")),
        ("portal", topics.event(UNIT, "equipment.alarm.commented")),
    ],
)
async def test_each_room_may_say_what_it_owns(
    backbone: TestBackbone,  # noqa: F811
    user: str,
    subject: str,
) -> None:
    bus = await backbone.connect(user)
    assert await bus.publish_durable(subject, b"1") == 1
    assert not bus.violations


async def test_the_supervisor_tells_what_the_backbone_refused_and_no_other_rejection(
    backbone: TestBackbone,  # noqa: F811
) -> None:
    supervisor = await backbone.connect("supervisor")
    for reason in REASONS:
        await supervisor.publish_durable(topics.rejected(SITE, reason), b"1")
    assert not supervisor.violations
    for subject in (topics.rejected(UNIT, "not_permitted"), topics.rejected(SITE, "wrong_type"), SAMPLE):
        with pytest.raises(PermissionRefused):
            await supervisor.publish_durable(subject, b"1")


@pytest.mark.parametrize(
    ("user", "topic", "reason", "found"),
    [
        ("devices", topics.to_topic(COMMAND), "not_permitted", f"a publish to {COMMAND}"),
        ("devices", "uns/v1/acme/works/-/-/-/_raw/sensors/hall temperature", "bad_topic", "not supported"),
    ],
)
async def test_what_is_refused_to_an_mqtt_client_is_read_from_the_servers_log(
    tmp_path: Path, user: str, topic: str, reason: str, found: str
) -> None:
    refused: list[Rejection] = []
    server = Backbone(Installation(data_dir=str(tmp_path), plant_dir=""), on_refusal=refused.append)
    await server.start()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="press-7", protocol=mqtt.MQTTv311)
    client.username_pw_set(user, server.passwords[user])
    client.on_connect = lambda c, *_: c.publish(topic, b"1", qos=1)
    client.connect(server.mqtt_host, server.mqtt_port)
    client.loop_start()
    await until(lambda: refused)
    client.disconnect()
    client.loop_stop()
    assert refused[0].reason == reason
    assert found in refused[0].found
    assert refused[0].origin.startswith("press-7 at 127.0.0.1:")
    refused.clear()
    stranger = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="press-8", protocol=mqtt.MQTTv311)
    stranger.username_pw_set(user, "a guess")
    stranger.connect(server.mqtt_host, server.mqtt_port)
    stranger.loop_start()
    await until(lambda: refused)
    stranger.loop_stop()
    assert refused[0].reason == "not_permitted"
    assert "wrong password" in refused[0].found
    await server.stop()


def test_a_client_in_a_loop_is_named_once_a_minute_and_counted() -> None:
    line = (
        '[7] 2026/11/21 13:10:52.671472 [ERR] 127.0.0.1:{port} - mid:44 - "press-7" - '
        "character not supported for MQTT topics"
    )
    said = Repetitions()
    words: list[str | None] = []
    for second in range(120):
        found = refusal(line.format(port=50_000 + second))
        assert found is not None
        words.append(said.news(found, mono_ns=second * SECOND_NS))
    assert [second for second, word in enumerate(words) if word is not None] == [0, 60]
    assert str(words[60]).endswith("59 times more since it was last said")


@pytest.mark.parametrize(
    "line",
    [
        "[7] 2026/11/21 13:10:51.851226 [WRN] Plaintext passwords detected, use nkeys or bcrypt",
        "[7] 2026/11/21 13:10:51.851226 [INF] Server is ready",
        '[7] 2026/11/21 13:10:57.581180 [ERR] 127.0.0.1:53035 - mid:50 - "a" - unable to connect: x',
        "",
    ],
)
def test_what_is_no_refusal_is_none(line: str) -> None:
    assert refusal(line) is None


def test_every_reason_that_the_backbone_gives_is_one_of_the_quarantine() -> None:
    assert set(REASONS) <= set(quarantine.REASONS)


def test_no_user_is_without_limits() -> None:
    text = configuration(
        server_name="n", store_dir="/d", host="h", nats_port=1, monitor_port=2, mqtt_port=3,
        passwords=dict.fromkeys(RIGHTS, "p"),
    )  # fmt: skip
    lines = [line for line in text.splitlines() if "permissions" in line]
    assert len(lines) == len(RIGHTS)
    assert not [line for line in lines if "allow: []" in line or "subscribe:" not in line]


async def test_nobody_hears_the_answers_of_another(backbone: TestBackbone) -> None:  # noqa: F811
    historian = await backbone.connect("historian")
    await historian.subscribe("_INBOX.portal.>", lambda _: None)
    await historian.flush()
    await until(lambda: any("Subscription Violation" in line for line in backbone.server.violations))


ROOMS_BESIDE_THE_MES = ("twin", "whatif", "analyst", "ledger", "historian", "recorder")
SERVED = {
    "mes": topics.command("acme", "works", "mes", "maintenance.request"),
    "commander": MACHINE_COMMAND,
    "ledger": topics.command("acme", "works", "ledger", "decide"),
    "analyst": topics.command("acme", "works", "analyst", "promote"),
}


async def everybody_serves(backbone: TestBackbone) -> tuple[list[str], dict[str, NatsBus]]:  # noqa: F811
    """Let all who can be asked for something serve it; what reaches them is listed."""
    reached: list[str] = []
    buses: dict[str, NatsBus] = {}

    async def done(message: Message) -> bytes:
        reached.append(message.subject)
        return b"done"

    for user, subject in SERVED.items():
        buses[user] = await backbone.connect(user)
        whole = subject if user == "analyst" else topics.command("acme", "works", user, ">")
        await buses[user].serve(whole, done)
        await buses[user].flush()
    return reached, buses


async def all_still_hear(backbone: TestBackbone, reached: list[str]) -> None:  # noqa: F811
    """See that who may ask is answered: whatever was sent before would have arrived."""
    for user, subject in (
        ("portal", "mes"),
        ("mes", "commander"),
        ("portal", "ledger"),
        ("portal", "analyst"),
    ):
        bus = await backbone.connect(user)
        assert await bus.request(SERVED[subject], b"1") == b"done"
        await bus.flush()
    assert reached == list(SERVED.values())


@pytest.mark.parametrize("by", ["pull", "push"])
@pytest.mark.parametrize("user", ROOMS_BESIDE_THE_MES)
async def test_no_stream_can_be_made_to_deliver_a_command(
    backbone: TestBackbone,  # noqa: F811
    user: str,
    by: str,
) -> None:
    """The server delivers what a reader stored wherever that reader says, whatever its rights are."""
    reached, buses = await everybody_serves(backbone)
    reader = buses.get(user) or await backbone.connect(user)
    stream, subject = stored_by(user, UNIT)
    await delivered_on(reader, stream, subject, b"forged", list(SERVED.values()), by=by)
    if by == "pull":  # a push reaches only who serves one subject and no pattern
        await until(lambda: all(any(subject in line for line in bus.violations) for bus in buses.values()))
    await all_still_hear(backbone, reached)


@pytest.mark.parametrize("target", SERVED.values())
async def test_no_answer_goes_to_a_command(
    backbone: TestBackbone,  # noqa: F811
    target: str,
) -> None:
    """Who asks says where the answer goes: two stolen accounts must not be more than each of them."""
    reached, _ = await everybody_serves(backbone)
    asker, answerer = await backbone.connect("twin"), await backbone.connect("historian")
    query = topics.query("acme", "works", "historian", "forged")
    asked = asyncio.Event()

    async def forge(message: Msg) -> None:
        # As somebody would who has the account's password and none of our code.
        await answerer._send(message.reply, b"forged", None)
        asked.set()

    await answerer.attach(query, lambda message: asyncio.ensure_future(forge(message)))
    await answerer.flush()
    await asker.ask_on(query, {}, target)
    await asked.wait()
    await answerer.flush()
    assert any(target.lower() in line.lower() for line in answerer.violations)
    await all_still_hear(backbone, reached)


async def test_who_may_command_does_not_answer_on_a_command(
    backbone: TestBackbone,  # noqa: F811
) -> None:
    """The MES may tell the commander something, but not because somebody asked it to answer there."""
    reached, buses = await everybody_serves(backbone)

    async def answer(message: Message) -> bytes:
        return b"forged"

    query = topics.query("acme", "works", "mes", "signatures")
    await buses["mes"].serve(query, answer)
    await buses["mes"].flush()
    ledger = buses["ledger"]
    assert await ledger.request(query, b"{}") == b"forged"
    await ledger.ask_on(query, {}, MACHINE_COMMAND)
    assert await ledger.request(query, b"{}") == b"forged"
    await buses["mes"].flush()
    await all_still_hear(backbone, reached)


async def test_what_a_stream_was_made_to_keep_is_read_by_nobody(
    backbone: TestBackbone,  # noqa: F811
) -> None:
    """What a reader has delivered on a subject of another stream is stored there, under its own subject."""
    ledger, mes, gateway = [await backbone.connect(user) for user in ("ledger", "mes", "gateway")]
    heard: list[str] = []
    twin = await backbone.connect("twin")
    await twin.subscribe(topics.SAMPLES, lambda message: heard.append(message.subject))
    await twin.flush()
    stream, subject = stored_by("ledger", UNIT)
    await delivered_on(ledger, stream, subject, b"forged", [SAMPLE], by="pull")
    await until(lambda: twin.violations)
    assert await gateway.publish_durable(SAMPLE, b"true") == 2  # the forged one is the first
    read = [message.subject async for batch in mes.read_stream(topics.STREAM_SAMPLES, follow=False)
            for message in batch]  # fmt: skip
    assert read == [SAMPLE]
    await until(lambda: heard)
    assert heard == [SAMPLE]


async def mqtt_publish(backbone: TestBackbone, user: str, topic: str) -> None:  # noqa: F811
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.username_pw_set(user, backbone.passwords[user])
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    client.on_publish = lambda *_: loop.call_soon_threadsafe(done.set)
    client.on_connect = lambda c, *_: c.publish(topic, b"1", qos=1)
    client.connect(backbone.urls.mqtt_host, backbone.urls.mqtt_port)
    client.loop_start()
    await done.wait()
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("mirror", SAMPLE),
        ("mirror", COMMAND),
        ("mirror", MES_EVENT),
        ("mirror", MACHINE_WRITE),
        ("mirror", topics.health("acme", "works", "historian")),
        ("virtual_plant", SAMPLE),
        ("virtual_plant", MES_EVENT),
        ("devices", COMMAND),
        ("viewer", MACHINE_WRITE),
    ],
)
async def test_over_mqtt_the_same_rights_hold_though_the_broker_acknowledges(
    backbone: TestBackbone,  # noqa: F811
    witness: list[str],
    user: str,
    subject: str,
) -> None:
    await mqtt_publish(backbone, user, topics.to_topic(subject))  # acknowledged all the same
    await until(lambda: any(subject in line for line in backbone.server.violations))
    await allowed_marker(backbone, witness)
    assert subject not in witness


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("mirror", topics.mirror(UNIT, "mill", 1, "spindle/load")),
        ("virtual_plant", topics.to_topic(topics.raw(UNIT, "sensors", "t_west"))),
        ("devices", topics.to_topic(topics.raw(UNIT, "sensors", "t_west"))),
    ],
)
async def test_over_mqtt_what_is_allowed_arrives(
    backbone: TestBackbone,  # noqa: F811
    witness: list[str],
    user: str,
    topic: str,
) -> None:
    await mqtt_publish(backbone, user, topic)
    await until(lambda: topics.to_subject(topic) in witness)


@pytest.mark.parametrize("user", ["twin", "historian", "portal", "recorder", "supervisor"])
async def test_a_process_without_mqtt_cannot_come_in_by_it(
    backbone: TestBackbone,  # noqa: F811
    user: str,
) -> None:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.username_pw_set(user, backbone.passwords[user])
    answers: list[str] = []
    client.on_connect = lambda _, __, ___, reason, ____: answers.append(str(reason))
    client.connect(backbone.urls.mqtt_host, backbone.urls.mqtt_port)
    client.loop_start()
    await until(lambda: answers)
    client.loop_stop()
    assert "Success" not in answers[0]


async def test_a_reader_can_read_but_not_write_what_it_reads(backbone: TestBackbone) -> None:  # noqa: F811
    gateway: NatsBus = await backbone.connect("gateway")
    await gateway.publish_durable(SAMPLE, b"1")
    with pytest.raises(BusError):  # the gateway itself reads no stream
        await gateway.api(f"STREAM.INFO.{topics.STREAM_SAMPLES}")
    historian = await backbone.connect("historian")
    assert await historian.last_sequence(topics.STREAM_SAMPLES) == 1
