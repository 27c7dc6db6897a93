"""Assets into roles and out of them: deciders of their commands, and the only writers of their tables."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.instants import rfc3339
from taktwin.mes.assets.tables import Asset, AssetPlace, AssetStay
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.routes import Role
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.maintenance.tables import MaintenanceOrder
from taktwin.mes.tracking.moves import refuse_unknown_store
from taktwin.standards.job_control import ReturnStatus, State
from taktwin.storage.book import Book, Reading

NAME_MAX, PLATE_MAX, CAUSE_MAX = 80, 120, 200


# Deciders


def register(book: Reading, wish: commands.RegisterAsset, asking: Asking) -> Iterator[Fact]:
    """Take a new asset in, or put the nameplate of one right."""
    name = wish.asset
    if not name.strip() or len(name) > NAME_MAX or not name.isprintable() or ":" in name:
        raise _invalid("asset", repr(name[:NAME_MAX]), "1 to 80 printable characters without a colon")
    if not wish.name.strip():
        raise _invalid("name", "nothing", "what people call it")
    plate = (wish.name, wish.kind, wish.manufacturer, wish.model, wish.serial_number)
    if any(len(word) > PLATE_MAX for word in plate):
        raise _invalid("nameplate", f"{max(map(len, plate))} letters", f"at most {PLATE_MAX} in each field")
    row = book.get(Asset, name)
    if (0 if row is None else row.version) != wish.version:
        found = "no asset" if row is None else f"version {row.version}"
        raise Refused("conflict", f"asset {name}", found,
                      f"version {wish.version}: somebody changed it meanwhile", row=row)  # fmt: skip
    if row is not None and wish.location:
        raise _invalid("location", wish.location, "nothing: one that is known is moved by asset.store")
    if row is not None and row.role and wish.kind != row.kind:
        _refuse_unfit(asking.definitions.asset_roles.get(row.role), name, wish.kind)
    if row is None and wish.location:
        refuse_unknown_store(asking.definitions, wish.location)
    same = [each for each in book.where(Asset, serial_number=wish.serial_number) if wish.serial_number]
    for each in same:
        if each.asset != name and (each.manufacturer, each.model) == (wish.manufacturer, wish.model):
            raise Refused("state", "serial number", f"that of {each.asset}", "one that no other asset has",
                          row=each)  # fmt: skip
    yield Fact(
        events.AssetRegistered(
            asset=name, name=wish.name.strip(), kind=wish.kind, manufacturer=wish.manufacturer,
            model=wish.model, serial_number=wish.serial_number, location=wish.location,
        ),
        asking.now_ns,
    )  # fmt: skip


def mount(book: Reading, wish: commands.MountAsset, asking: Asking) -> Iterator[Fact]:
    """Let an asset fulfil a role that nothing fulfils."""
    asset = _usable(book, wish.asset)
    role = asking.definitions.asset_roles.get(wish.role)
    if role is None:
        raise unknown("role of equipment", wish.role)
    if asset.role == wish.role:
        return  # said twice: it is there already
    if asset.role:
        raise Refused("state", f"asset {asset.asset}", f"mounted as {asset.role}",
                      "one that is not mounted: take it out there first", row=asset)  # fmt: skip
    _refuse_unfit(role, asset.asset, asset.kind)
    place = book.get(AssetPlace, role.role)
    if place is not None and place.asset:
        raise Refused("state", role.role, f"fulfilled by {place.asset}",
                      "a role that nothing fulfils: take that one out first", row=place)  # fmt: skip
    _refuse_unknown_order(book, wish.order)
    _refuse_at_work(book, role)
    since_ns = _when(wish.at_ns, asset, place, asking)
    yield Fact(
        events.AssetMounted(asset=asset.asset, role=role.role, equipment=role.equipment, since_ns=since_ns,
                            order=wish.order),
        asking.now_ns,
    )  # fmt: skip


def dismount(book: Reading, wish: commands.DismountAsset, asking: Asking) -> Iterator[Fact]:
    """Take an asset out of its role."""
    asset = _known(book, wish.asset)
    if not asset.role:
        raise Refused("state", f"asset {asset.asset}", "not mounted", "one that is mounted", row=asset)
    _refuse_cause(wish.cause)
    if wish.location:
        refuse_unknown_store(asking.definitions, wish.location)
    _refuse_unknown_order(book, wish.order)
    place = book.get(AssetPlace, asset.role)
    assert place is not None, "what is mounted fulfils a role"
    role = asking.definitions.asset_roles.get(asset.role)
    if role is not None:  # a role that the plant folder no longer has is left without asking
        _refuse_at_work(book, role)
    since_ns = _when(wish.at_ns, asset, place, asking)
    yield Fact(
        events.AssetDismounted(asset=asset.asset, role=asset.role, equipment=place.equipment,
                               since_ns=since_ns, cause=wish.cause.strip(), location=wish.location,
                               order=wish.order),
        asking.now_ns,
    )  # fmt: skip


def store(book: Reading, wish: commands.StoreAsset, asking: Asking) -> Iterator[Fact]:
    """Say where an asset lies."""
    asset = _usable(book, wish.asset)
    if asset.role:
        raise Refused("state", f"asset {asset.asset}", f"mounted as {asset.role}", "one that is not mounted",
                      row=asset)  # fmt: skip
    refuse_unknown_store(asking.definitions, wish.location)
    if asset.location != wish.location:
        yield Fact(events.AssetStored(asset=asset.asset, location=wish.location), asking.now_ns)


def retire(book: Reading, wish: commands.RetireAsset, asking: Asking) -> Iterator[Fact]:
    """Take an asset out of use for good."""
    asset = _usable(book, wish.asset)
    if asset.role:
        raise Refused("state", f"asset {asset.asset}", f"mounted as {asset.role}",
                      "one that is not mounted: take it out first", row=asset)  # fmt: skip
    _refuse_cause(wish.cause)
    yield Fact(events.AssetRetired(asset=asset.asset, cause=wish.cause.strip()), asking.now_ns)


def _known(book: Reading, name: str) -> Asset:
    asset = book.get(Asset, name)
    if asset is None:
        raise unknown("asset", name)
    return asset


def _usable(book: Reading, name: str) -> Asset:
    asset = _known(book, name)
    if asset.retired:
        raise Refused("state", f"asset {name}", f"out of use ({asset.reason})", "one that is in use",
                      row=asset)  # fmt: skip
    return asset


def _refuse_unfit(role: Role | None, asset: str, kind: str) -> None:
    if role is not None and role.kinds and kind not in role.kinds:
        raise Refused("invalid", f"asset {asset} as {role.role}", f"of kind {kind!r}",
                      f"one of {', '.join(role.kinds)}", status=ReturnStatus.INVALID_REQUEST)  # fmt: skip


def _refuse_unknown_order(book: Reading, order: str) -> None:
    if order and book.get(MaintenanceOrder, order) is None:
        raise unknown("maintenance order", order)


def _refuse_cause(cause: str) -> None:
    if not cause.strip() or len(cause) > CAUSE_MAX:
        raise _invalid("cause", f"{len(cause)} letters", f"why, in 1 to {CAUSE_MAX} letters")


def _refuse_at_work(book: Reading, role: Role) -> None:
    """Return only if no job order runs on what the machine needs to run."""
    running = book.where(JobOrder, work_unit=role.equipment, state=State.RUNNING.value) if role.needed else []
    if running:
        raise Refused("state", role.role, f"job order {running[0].job} runs there",
                      "a machine at which none runs: pause or complete it first", row=running[0])  # fmt: skip


def _when(said_ns: int, asset: Asset, place: AssetPlace | None, asking: Asking) -> int:
    """Return when it happened: a change may be said later, and never before the last one."""
    earliest_ns = max(asset.since_ns, 0 if place is None else place.since_ns)
    at_ns = said_ns or max(asking.now_ns, earliest_ns)
    if said_ns and not earliest_ns <= said_ns <= asking.now_ns:
        found = rfc3339(said_ns) if 0 <= said_ns < 1 << 62 else str(said_ns)
        raise _invalid("instant", found, f"from {rfc3339(earliest_ns)}, the last change, until now")
    return at_ns


def _invalid(place: str, found: object, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


# Projectors


def _registered(book: Book, event: events.AssetRegistered, at_ns: int) -> None:
    row = book.get(Asset, event.asset)
    if row is None:
        # How long it has been there nobody knows: what it did before may still be said.
        row = Asset(asset=event.asset, name="", kind="", manufacturer="", model="", serial_number="", role="",
                    location=event.location, since_ns=0, retired=False, reason="", version=0)  # fmt: skip
        _stays(book, row, at_ns=0, location=event.location)
    book.put(msgspec.structs.replace(
        row, name=event.name, kind=event.kind, manufacturer=event.manufacturer, model=event.model,
        serial_number=event.serial_number, version=row.version + 1,
    ))  # fmt: skip


def _mounted(book: Book, event: events.AssetMounted, at_ns: int) -> None:
    asset, since_ns = _row(book, event.asset), event.since_ns
    _leaves(book, asset, since_ns, "")
    _stays(book, asset, at_ns=since_ns, role=event.role, equipment=event.equipment, order=event.order)
    book.put(msgspec.structs.replace(asset, role=event.role, location="", since_ns=since_ns,
                                     version=asset.version + 1))  # fmt: skip
    place = book.get(AssetPlace, event.role)
    before = "" if place is None else place.before
    book.put(AssetPlace(role=event.role, equipment=event.equipment, asset=event.asset, since_ns=since_ns,
                        before=before))  # fmt: skip


def _dismounted(book: Book, event: events.AssetDismounted, at_ns: int) -> None:
    asset, since_ns = _row(book, event.asset), event.since_ns
    _leaves(book, asset, since_ns, event.cause)
    _stays(book, asset, at_ns=since_ns, location=event.location, order=event.order)
    book.put(msgspec.structs.replace(asset, role="", location=event.location, since_ns=since_ns,
                                     reason=event.cause, version=asset.version + 1))  # fmt: skip
    book.put(AssetPlace(role=event.role, equipment=event.equipment, asset="", since_ns=since_ns,
                        before=event.asset))  # fmt: skip


def _stored(book: Book, event: events.AssetStored, at_ns: int) -> None:
    asset = _row(book, event.asset)
    _leaves(book, asset, at_ns, "")
    _stays(book, asset, at_ns=at_ns, location=event.location)
    book.put(msgspec.structs.replace(asset, location=event.location, since_ns=at_ns,
                                     version=asset.version + 1))  # fmt: skip


def _retired(book: Book, event: events.AssetRetired, at_ns: int) -> None:
    asset = _row(book, event.asset)
    book.put(msgspec.structs.replace(asset, retired=True, reason=event.cause, version=asset.version + 1))


def _row(book: Book, name: str) -> Asset:
    row = book.get(Asset, name)
    assert row is not None, "decided on an asset that is known"
    return row


def _leaves(book: Book, asset: Asset, at_ns: int, reason: str) -> None:
    stay = book.newest(AssetStay, "number", 1, asset=asset.asset)[0]
    book.put(msgspec.structs.replace(stay, to_ns=at_ns, reason=reason))


def _stays(
    book: Book, asset: Asset, *, at_ns: int, role: str = "", equipment: str = "", location: str = "",
    order: str = "",
) -> None:  # fmt: skip
    number = book.count(AssetStay, asset=asset.asset) + 1
    book.put(AssetStay(stay=f"{asset.asset}:{number}", asset=asset.asset, number=number, role=role,
                       equipment=equipment, location=location, from_ns=at_ns, to_ns=0, order=order,
                       reason=""))  # fmt: skip


RULES = Rules(
    deciders={
        commands.RegisterAsset.command_name: register,
        commands.MountAsset.command_name: mount,
        commands.DismountAsset.command_name: dismount,
        commands.StoreAsset.command_name: store,
        commands.RetireAsset.command_name: retire,
    },
    projectors={
        events.AssetRegistered: _registered,
        events.AssetMounted: _mounted,
        events.AssetDismounted: _dismounted,
        events.AssetStored: _stored,
        events.AssetRetired: _retired,
    },
)
