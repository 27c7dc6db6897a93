"""The port to machines: what a connector is, what it is given, and what it may say.

A connector is one class in one file of `connectors/`, or in any installed distribution behind the
entry point `taktwin.connectors`. It only reads: writing to a machine is the commander's. It gives
values as the device has them, under the device's own addresses; names, units and checks come later.
It never invents a value: what it does not know it leaves out, or says with a quality.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, get_args, get_origin

import msgspec

from taktwin.clock import Clock
from taktwin.plugins import load
from taktwin.quality import Quality

ENTRY_POINTS = "taktwin.connectors"
PACKAGE = "taktwin.gateway.connectors"


class Reading(NamedTuple):
    """One value of one address, exactly as the device gave it."""

    address: str
    value: Any  # bool, int, float, str, bytes, list, None: never converted
    source_ns: int | None  # the device's own stamp; None where it gives none
    received_mono_ns: int  # monotonic wall time at which the bytes had arrived
    quality: Quality = Quality.GOOD
    unit: str = ""  # as the message names it, "" where it does not
    standing: bool = False  # a value that was already there when we came: its stamp may be old
    raw: bytes = b""  # the bytes it was read from, where they are at hand


class Confirmed(NamedTuple):
    """Everything this connection has said was still true at `as_of_ns` (plant time)."""

    as_of_ns: int


class Alive(NamedTuple):
    """The other side is there; nothing is vouched for."""


class BadAddress(NamedTuple):
    """The device refuses an address; the others go on. An empty reason: it is good again."""

    address: str
    reason: str


class Malformed(NamedTuple):
    """Bytes that are not what the source's format says; they go to quarantine."""

    origin: str  # topic, line, register range
    reason: str  # a key of contracts.quarantine.REASONS
    found: str
    expected: str
    original: bytes
    address: str = ""


Item: TypeAlias = Reading | Confirmed | Alive | BadAddress | Malformed


@dataclass(frozen=True, slots=True)
class Wanted:
    """One address that the plant model asks for."""

    address: str
    type: str  # the signal's type: a decoder may need it
    options: Mapping[str, Any] = field(default_factory=dict)
    period_s: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a connector is given: nothing else reaches it."""

    connection: str
    endpoint: str  # host:port or URL, already chosen for this installation
    settings: Any  # an instance of the class's own settings
    wanted: Sequence[Wanted]
    clock: Clock
    user: str = ""  # our account on the plant's own MQTT listener, for endpoints that are it
    password: str = ""
    folder: str = ""  # plant folder: relative files and certificates are looked for here


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that every connection has; a connector adds its own in a subclass."""

    connect_timeout_s: float = 5.0
    silence_s: float = 2.0  # wall seconds without a sign of life until the connection counts as lost
    retry_first_s: float = 0.5
    retry_max_s: float = 5.0
    out_of_range: Literal["quarantine", "uncertain"] = "quarantine"
    clock_skew: Literal["uncertain", "quarantine"] = "uncertain"
    clock_skew_s_max: float = 600.0


class Connector(ABC):
    """One way of speaking to machines.

    A subclass names itself and its settings once: `class Shdr(Connector, name="shdr",
    settings=ShdrSettings)`. A second class of the same name, or one without a docstring, refuses
    to load: the docstring is its page in the manual.
    """

    name: ClassVar[str] = ""
    settings: ClassVar[type[Settings]] = Settings
    vouches: ClassVar[bool] = True  # says Confirmed while the source is alive
    polls: ClassVar[bool] = False  # reads on its own beat: unchanged values say nothing new
    ends: ClassVar[bool] = False  # a finite source: its end is no loss

    def __init_subclass__(
        cls,
        *,
        name: str = "",
        settings: type[Settings] = Settings,
        vouches: bool = True,
        polls: bool = False,
        ends: bool = False,
        **rest: Any,
    ) -> None:
        super().__init_subclass__(**rest)
        if not name:  # a base class of several connectors
            return
        if not (cls.__doc__ or "").strip():
            raise TypeError(f"connector {name!r} ({cls.__module__}) has no docstring: it is its manual page")
        known = _registered.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"connector {name!r} is declared twice: {known.__module__} and {cls.__module__}")
        if not issubclass(settings, Settings):
            raise TypeError(f"connector {name!r}: settings must be a subclass of connector.Settings")
        cls.name, cls.settings = name, settings
        cls.vouches, cls.polls, cls.ends = vouches, polls, ends
        _registered[name] = cls

    def __init__(self, context: Context) -> None:
        self.context = context
        self.clock = context.clock

    @abstractmethod
    async def connect(self) -> None:
        """Open the conversation. Raises ConnectError, OSError or TimeoutError."""

    @abstractmethod
    def read(self) -> AsyncIterator[list[Item]]:
        """Yield what the device says, in order, for ever.

        Nothing is read ahead without bound: while the caller does not ask for more, the device is
        kept waiting. Raises ConnectError or OSError when the conversation has ended.
        """

    @abstractmethod
    async def close(self) -> None:
        """End the conversation; also after a failure, and twice."""

    async def browse(self) -> AsyncIterator[tuple[str, str]]:
        """Yield (address, description) of what the device offers; nothing where it cannot be asked."""
        nothing: tuple[tuple[str, str], ...] = ()
        for found in nothing:
            yield found


_registered: dict[str, type[Connector]] = {}


def connectors() -> dict[str, type[Connector]]:
    """Return every connector that can be found, by name."""
    load(PACKAGE, ENTRY_POINTS)
    return dict(sorted(_registered.items()))


def schema(kind: type[Connector]) -> dict[str, Any]:
    """Return the JSON Schema of a connector's settings."""
    return msgspec.json.schema(kind.settings)


def manual(kind: type[Connector]) -> str:
    """Return the manual page of a connector: its docstring, without indentation."""
    return inspect.cleandoc(kind.__doc__ or "")


def reference(kinds: Mapping[str, type[Connector]]) -> str:
    """Return the reference page of some connectors: their manuals and settings, as Markdown."""
    parts = [
        "# Connectors",
        "Written by `make docs` from the connectors themselves; their source is the place to change it.",
    ]
    common = {field.name for field in msgspec.structs.fields(Settings)}
    parts += ["## Settings that every connector has", _table(Settings, set())]
    for name, kind in kinds.items():
        does = [
            "vouches for its values while it runs" if kind.vouches else "cannot vouch for its values",
            "polls" if kind.polls else "is told of changes",
        ]
        parts += [f"## `{name}`", manual(kind), f"It {' and '.join(does)}.", _table(kind.settings, common)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(settings: type[Settings], leave_out: set[str]) -> str:
    base = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    rows = [
        f"| `{field.name}` | {_type_words(field.type)} | `{field.default!r}` |"
        for field in msgspec.structs.fields(settings)
        if field.name not in leave_out or field.default != base[field.name]
    ]
    return "\n".join(["| setting | type | default |", "|---|---|---|", *rows]) if rows else ""


def _type_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    return kind.__name__ if isinstance(kind, type) and get_origin(kind) is None else f"{kind}"
