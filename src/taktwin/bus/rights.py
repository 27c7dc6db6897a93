"""Who may publish and hear what on the backbone: one user a process, least rights by subject.

`RIGHTS` is the whole list. Nobody but the supervisor may create, change, purge or delete a stream;
of `$JS.API` the others have only what reading needs: an ephemeral consumer that the server names,
its next messages, the stream's positions. Requests carry their answers on inboxes of their own
user, so that no process can listen to another's answers.

The server asks nobody's rights about where an *answer* goes: whoever asks names any subject, and a
stream's messages or another process's answer are delivered there. So answers may go to inboxes
alone, by the rights of who answers, and `client.py` hands over what was said on the subject that
was subscribed, not what a stream was asked to deliver there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from taktwin.bus import refusals
from taktwin.contracts import recommendation, topics
from taktwin.contracts.events import LEDGER_EVENTS, MES_EVENTS

LEVELS = f"{topics.ROOT}.*.*.*.*.*"
STREAM_ANSWERS = "OBJ_answers"
ANSWERS = "$O.answers.C.>"
INBOXES = "_INBOX.>"
SYSTEM_KINDS = (
    "_sample_v1",
    "_evt_v1.>",
    "_cmd_v1.>",
    "_dlq_v1.>",
    "_interval_v1.>",
    "_state_v1.>",
    "_sys_v1.>",
    "_frame_v1.>",
    "_qry_v1.>",
    "_raw.>",
)


@dataclass(frozen=True, slots=True)
class Rights:
    """The subjects of one user. `reads` are streams whose messages it may fetch."""

    publish: tuple[str, ...] = ()
    publish_deny: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    subscribe_deny: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    answers: bool = False  # may answer requests: on inboxes, whose names are known to who was asked only
    mqtt: bool = False  # may connect to the MQTT listener
    extra: tuple[str, ...] = field(default=())  # further subjects of $JS.API


def inbox(user: str) -> str:
    """Return the prefix of the inboxes of a user."""
    return f"_INBOX.{user}"


def _at(kind: str) -> str:
    return f"{LEVELS}.{kind}"


def _health(user: str) -> str:
    return _at(f"_sys_v1.{user}.health")


def _evt(name: str) -> str:
    return _at(f"_evt_v1.{name}")


def _messages(sender: str) -> tuple[str, ...]:
    """Return what somebody may say to the ledger, and nobody else, and what they may ask it."""
    kinds = recommendation.MESSAGES.values()
    said = (_at(f"_cmd_v1.ledger.{kind.message_name}") for kind in kinds if kind.sender == sender)
    return (*said, _at("_qry_v1.ledger.>"))


_ALL_STREAMS = (
    topics.STREAM_SAMPLES,
    topics.STREAM_EVENTS,
    topics.STREAM_INTERVALS,
    topics.STREAM_STATES,
    topics.STREAM_REJECTED,
    STREAM_ANSWERS,
)
_HISTORIAN_QUERIES = _at("_qry_v1.historian.>")

RIGHTS: dict[str, Rights] = {
    "supervisor": Rights(
        publish=(
            "$JS.API.>",
            _health("supervisor"),
            _at("_qry_v1.>"),
            # What the server's log says it refused, of the site as a whole.
            *(f"{topics.ROOT}.*.*.-.-.-._dlq_v1.{reason}" for reason in refusals.REASONS),
        ),
        subscribe=(topics.HEALTH, _evt(">"), _at("_qry_v1.supervisor.>")),
        reads=_ALL_STREAMS,
        answers=True,
    ),
    "gateway": Rights(
        publish=(
            topics.SAMPLES,
            _evt("connector.state.changed"),
            topics.REJECTED,
            topics.RAW,
            _health("gateway"),
        ),
        subscribe=(_at("_raw.>"), _at("_raw"), _at("_qry_v1.gateway.>")),
        answers=True,
        mqtt=True,
    ),
    "twin": Rights(
        publish=(
            _at("_frame_v1.live"),
            topics.STATES,
            topics.INTERVALS,
            _evt("equipment.alarm.raised"),
            _evt("equipment.alarm.cleared"),
            _evt("equipment.alarm.unshelved"),
            _evt("twin.snapshot.taken"),
            _health("twin"),
            _HISTORIAN_QUERIES,
            ANSWERS,
        ),
        subscribe=(topics.SAMPLES, topics.EVENTS, topics.HEALTH, topics.REJECTED, _at("_qry_v1.twin.>")),
        reads=_ALL_STREAMS,
        answers=True,
    ),
    "recorder": Rights(
        publish=(_at("_frame_v1.*"), _health("recorder"), _HISTORIAN_QUERIES, _at("_qry_v1.twin.>"), ANSWERS),
        publish_deny=(_at("_frame_v1.live"),),
        subscribe=(topics.SAMPLES, topics.EVENTS, topics.INTERVALS, _at("_qry_v1.recorder.>")),
        reads=_ALL_STREAMS,
        answers=True,
    ),
    # It asks for the present and answers about the future; it changes nothing and commands nobody.
    "whatif": Rights(
        publish=(
            _health("whatif"),
            _at("_qry_v1.twin.snapshot"),
            _at("_qry_v1.mes.board"),
            # For back-tests it asks about the past too.
            _at("_qry_v1.recorder.open"),
            _at("_qry_v1.recorder.close"),
            _HISTORIAN_QUERIES,
            ANSWERS,
        ),
        subscribe=(_at("_qry_v1.whatif.>"),),
        reads=(STREAM_ANSWERS,),
        answers=True,
    ),
    # What it decides, it says itself; it hears the machines, and the commands of people's door.
    "mes": Rights(
        publish=(
            *(_evt(kind.event_type) for kind in MES_EVENTS),
            _at("_cmd_v1.commander.>"),
            _health("mes"),
            ANSWERS,
        ),
        # It hears whether the commander lives: a machine that nobody can tell anything is not reachable.
        subscribe=(_at("_cmd_v1.mes.>"), _at("_qry_v1.mes.>"), _health("commander")),
        reads=(topics.STREAM_SAMPLES, STREAM_ANSWERS),
        answers=True,
    ),
    # It hears the machines, asks about past, present and future, and tells the ledger. On none of its
    # subjects could anything be asked to be done.
    "analyst": Rights(
        publish=(
            _at("_state_v1.prediction.>"),
            _HISTORIAN_QUERIES,
            _at("_qry_v1.whatif.compare"),
            _at("_qry_v1.whatif.replay"),
            *_messages("analyst"),
            *(_at(f"_qry_v1.ledger.{name}") for name in ("due", "inbox", "one", "record")),
            _health("analyst"),
            ANSWERS,
        ),
        subscribe=(
            topics.SAMPLES,
            _evt("tool.mounted"),
            _at("_qry_v1.analyst.>"),
            _at("_cmd_v1.analyst.promote"),
        ),
        reads=(STREAM_ANSWERS,),
        answers=True,
    ),
    # It hears the MES and says what became of advice. It asks the MES one thing, whether somebody signed,
    # and can give no command to anybody: what a person accepted, the portal carries under that name.
    "ledger": Rights(
        publish=(
            *(_evt(kind.event_type) for kind in LEDGER_EVENTS),
            _at("_qry_v1.mes.signatures"),
            _health("ledger"),
            ANSWERS,
        ),
        subscribe=(_at("_cmd_v1.ledger.>"), _at("_qry_v1.ledger.>")),
        reads=(topics.STREAM_EVENTS, STREAM_ANSWERS),
        answers=True,
    ),
    # The one conduit down to machines: only the MES may ask it, and it tells the MES what machines say.
    "commander": Rights(
        publish=(_health("commander"), _at("_cmd_v1.mes.machine.jobs.report")),
        subscribe=(_at("_cmd_v1.commander.>"),),
        answers=True,
    ),
    "historian": Rights(
        publish=(_health("historian"), ANSWERS),
        subscribe=(topics.SAMPLES, topics.EVENTS, topics.INTERVALS, _at("_qry_v1.historian.>")),
        reads=_ALL_STREAMS,
        answers=True,
    ),
    "portal": Rights(
        publish=(
            _evt("equipment.alarm.acknowledged"),
            _evt("equipment.alarm.shelved"),
            _evt("equipment.alarm.unshelved"),
            _evt("equipment.alarm.commented"),
            _at("_qry_v1.>"),
            _at("_cmd_v1.mes.>"),
            *_messages("portal"),
            _at("_cmd_v1.analyst.promote"),
            _health("portal"),
            ANSWERS,
        ),
        subscribe=(
            topics.SAMPLES,
            topics.EVENTS,
            topics.INTERVALS,
            topics.STATES,
            topics.REJECTED,
            topics.HEALTH,
            _at("_raw.>"),
            _at("_frame_v1.>"),
            _at("_qry_v1.portal.>"),
        ),
        reads=_ALL_STREAMS,
        answers=True,
    ),
    "virtual_plant": Rights(
        publish=(topics.RAW, _health("virtual_plant")),
        # The one thing that its people hear of the MES: that somebody said a tool is in.
        subscribe=(_at("_qry_v1.virtual_plant.>"), _evt("tool.mounted")),
        answers=True,
        mqtt=True,
    ),
    # A planned line is heard as machines are, through the gateway; here it says that it is one.
    "commissioning": Rights(
        publish=(topics.RAW, _health("commissioning")),
        subscribe=(_at("_qry_v1.commissioning.>"),),
        answers=True,
        mqtt=True,
    ),
    # The mirror writes what its name says and nothing that a program of ours would believe.
    "mirror": Rights(
        publish=(_at("*.>"),), publish_deny=tuple(_at(kind) for kind in SYSTEM_KINDS), mqtt=True
    ),
    # Third parties: sensors and devices of the plant that speak MQTT by themselves.
    "devices": Rights(publish=(topics.RAW,), mqtt=True),
    # People's tools, read only: what an MQTT client on the floor may look at.
    # A command may carry a person's PIN: nobody looks at those.
    "viewer": Rights(
        subscribe=(f"{topics.ROOT}.>", topics.ROOT), subscribe_deny=(_at("_cmd_v1.>"),), mqtt=True
    ),
}

# Accounts of things and people outside of the product: their passwords stay the same over restarts.
OUTSIDERS = ("devices", "viewer")


def _reading(stream: str) -> tuple[str, ...]:
    # Without a name in the subject the server picks one: nobody can touch another's consumer.
    return (
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*",
        f"$JS.API.STREAM.INFO.{stream}",
    )


def publish_allow(user: str) -> tuple[str, ...]:
    """Return every subject that a user may publish to, the reading of streams included."""
    rights = RIGHTS[user]
    return (
        *rights.publish,
        *((INBOXES,) if rights.answers else ()),
        *(subject for stream in rights.reads for subject in _reading(stream)),
        *rights.extra,
    )


def subscribe_allow(user: str) -> tuple[str, ...]:
    """Return every subject that a user may hear: its own, its inboxes, and MQTT's inner ones."""
    rights = RIGHTS[user]
    inner = ("$MQTT.sub.>", "$MQTT.deliver.>") if rights.mqtt else ()
    return (*rights.subscribe, f"{inbox(user)}.>", *inner)
