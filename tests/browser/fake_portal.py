"""A portal without a plant behind it: the page's own tests cut cables and hang servers at will.

It speaks exactly the portal's contract: every answer goes through the portal's models, which forbid
a field too many. Nothing of this is part of the product.

Started as `python tests/browser/fake_portal.py <port>`; the faults are
`POST /_fake/{cut|mend|hang|speak|hold|tear|degrade|reset}`; `hold` keeps back the answers to every address
that holds a word, and the stream's first picture where the word is `live`; `tear` sends half of each such
answer and then breaks the connection.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from typing import Any

import fake_analyst
import fake_ledger
import numpy as np
import uvicorn
from fake_world import START_MS, World, noise
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

from taktwin.plant.registry import Signal
from taktwin.portal import problems
from taktwin.portal.columns import MEDIA_TYPE
from taktwin.portal.columns import encode as column_bytes
from taktwin.portal.models import alarms as alarm_models
from taktwin.portal.models import live as live_models
from taktwin.portal.models import objects, resources, system
from taktwin.portal.models.plant import MeModel
from taktwin.portal.pages import Pages
from taktwin.portal.routes.plant import asset_document, mirror_topic

world = World()
speaking = asyncio.Event()
speaking.set()
held: set[str] = set()
torn: set[str] = set()
released = asyncio.Condition()
app = FastAPI()
problems.install(app)
app.include_router(fake_ledger.router)
app.include_router(fake_analyst.router)
API = "/api/v1"


@app.post("/_fake/{act}")
async def fake(act: str, connection: str = "") -> dict[str, Any]:
    """Bring a fault about, or take it away."""
    match act:
        case "cut":
            world.cut[connection] = world.now_ms()
            world.note(f"{connection}:silence", "raised")
        case "mend":
            world.over[connection] = (world.cut.pop(connection), world.now_ms())
            world.note(f"{connection}:silence", "cleared")
        case "hang":
            speaking.clear()
        case "speak":
            speaking.set()
        case "hold":
            held.add(connection)
        case "tear":
            torn.add(connection)
        case "degrade":
            world.degraded.add(connection)
        case "reset":
            fake_ledger.new()
            fake_analyst.new()
            held.clear()
            torn.clear()
            async with released:
                released.notify_all()
            world.degraded.clear()
            world.cut.clear()
            world.over.clear()
            world.acknowledged.clear()
            world.noted.clear()
            speaking.set()
    return {"cut": sorted(world.cut), "hanging": not speaking.is_set()}


@app.get(f"{API}/plant")
async def plant() -> Any:
    return world.plant


@app.get(f"{API}/me")
async def me() -> Any:
    return MeModel(
        person="demo",
        printed_name="",
        roles=["leader"],
        scoped=[],
        signed_in=False,
        language="en",
        mode="live",
        loopback_only=True,
        may=[
            "advice.decide",
            "advice.autonomy",
            "alarm.acknowledge",
            "alarm.shelve",
            "alarm.comment",
            "demo.inject",
            "mes.request",
            "model.promote",
        ],
        notice="This page is for this machine only: it listens on loopback.",
    )


@app.get(f"{API}/system")
async def system_page() -> Any:
    now = world.now_ms()
    names = sorted(world.registry.connections)
    hops = ["source", "gateway", "bus", "twin", "frame", "portal", "screen", "whole"]
    table = [
        {
            "connection": n,
            "protocol": world.registry.connections[n].connector,
            "hops": [
                {
                    "hop": h,
                    "p50": round(p := (90 if h == "whole" else 26 * noise(n, h) + 1), 1),
                    "p99": round(p * 2.6, 1),
                    "max": round(p * 4, 1),
                    "count": 900,
                    "estimated": h in ("source", "screen"),
                }
                for h in hops
            ],
        }
        for n in names
    ]
    return system.SystemModel.model_validate(
        {
            "processes": [
                {
                    "component": c,
                    "state": "degraded" if c in world.degraded else "running",
                    "reason": "the disk is slow" if c in world.degraded else "",
                    "pid": 1200 + k,
                    "memory_mb": 60 + 40 * k,
                    "started_ms": START_MS,
                    "restarts": int(c == "historian"),
                }
                for k, c in enumerate(
                    ["supervisor", "backbone", "gateway", "twin", "recorder", "historian", "portal"]
                )
            ],
            "connections": [
                {
                    "name": n,
                    "protocol": c.connector,
                    "endpoint": f"opc.tcp://127.0.0.1:48{k}0",
                    "state": "lost" if n in world.cut else "running",
                    "reason": "no answer" if n in world.cut else "",
                    "since_ms": START_MS,
                    "received": 12_000,
                    "published": 11_998,
                    "quarantined": 2 if n == "sensors" else 0,
                    "deadband": 0,
                    "unmapped": 0,
                    "gaps": 0,
                    "reconnects": 0,
                    "waiting": 0,
                    "last_received_ms": now,
                    "clock_offset_ms": 1.2,
                    "work_units": [],
                    "bad_addresses": [],
                    "last_minute": [
                        None if n in world.cut and s > 50 else 20 + 10 * noise(n, s) for s in range(60)
                    ],
                }
                for k, (n, c) in enumerate(sorted(world.registry.connections.items()))
            ],
            "hops": table,
            "quarantine": [
                {
                    "at_ms": now - 3_600_000,
                    "reason": "wrong_type",
                    "found": 'value "24,1" is text',
                    "expected": "a number such as 24.1",
                    "origin": "uns/v1/aurora/northfield/facility/-/zone_c/_raw/sensors/t_west",
                    "connector": "sensors",
                    "signal": "zone_c/temperature_west",
                    "original_hex": b'{"value":"24,1"}'.hex(),
                    "original_text": '{"value":"24,1"}',
                    "original_size": 16,
                }
            ],
            "registry": {
                "hash": world.registry.hash,
                "valid_from_ms": START_MS,
                "signals": len(world.registry.signals),
                "equipment": len(world.registry.equipment),
            },
            "history": {
                "state": "running",
                "rows": 1_204_881,
                "bytes": 48_000_000,
                "oldest_ms": START_MS,
                "newest_ms": now,
                "policy": "Keep 20 GB, then the oldest hour goes first.",
                "disk_free_bytes": 21_000_000_000,
            },
            "snapshot": {"state_hash": "a91f" + "0" * 56 + "3d9e", "at_ms": now - 20_000},
            "at_ms": now,
        }
    )


@app.get(f"{API}/units/{{unit}}/timeline")
async def timeline(unit: str, from_ms: int, to_ms: int) -> Any:
    intervals: list[dict[str, Any]] = []
    at = from_ms
    while at < to_ms:
        name, _, reason = world.state(unit, at)
        end = min(at + 20_000, to_ms)
        if START_MS + 3_600_000 < at < START_MS + 4_200_000:
            name, reason = "unknown", "The server was restarted."
        if intervals and intervals[-1]["time_class"] == name:
            intervals[-1]["to_ms"] = end
        else:
            intervals.append(
                {
                    "from_ms": at,
                    "to_ms": end,
                    "time_class": name,
                    "reason": reason,
                    "state": "",
                    "program": "",
                }
            )
        at = end
    sums: dict[str, float] = {}
    for i in intervals:
        sums[i["time_class"]] = sums.get(i["time_class"], 0) + (i["to_ms"] - i["from_ms"]) / 1000
    return objects.Timeline.model_validate(
        {"intervals": intervals, "sums": sums, "from_ms": from_ms, "to_ms": to_ms}
    )


@app.get(f"{API}/units/{{unit}}")
async def unit_page(unit: str) -> Any:
    e = world.registry.equipment[unit]  # type: ignore[index]
    before = sorted({s for b in world.registry.buffers if unit in b.targets for s in b.sources})
    after = sorted({t for b in world.registry.buffers if unit in b.sources for t in b.targets})
    buffers = [b.id for b in world.registry.buffers if unit in (*b.sources, *b.targets)]
    feeds = [
        {"medium": s.medium, "ids": [s.source]}
        for s in world.registry.supplies
        if {unit, e.parent} & set(s.targets)
    ]
    serves = [
        {"medium": s.medium, "ids": list(s.targets)} for s in world.registry.supplies if s.source == unit
    ]
    found = next((u for u in world.unit_documents(world.now_ms()) if u["unit"] == unit), None)
    return objects.UnitPage.model_validate(
        {
            "document": found,
            "signals": list(e.signals),
            "neighbours": {"before": before, "after": after, "buffers": buffers},
            "supplies": {"from": feeds, "to": serves},
            "assets": [asset_document(world.registry, a) for a in e.assets],
        }
    ).model_dump(by_alias=True)


@app.get(f"{API}/mes/assets")
async def mes_assets(equipment: str = "") -> Any:
    mounted = world.registry.equipment[equipment].assets  # type: ignore[index]
    assets = []
    for name in mounted:
        told = asset_document(world.registry, name)
        known = {key: told[key] for key in ("name", "manufacturer", "model", "serial_number")}
        where = {"role": equipment, "location": "", "since_ms": START_MS}
        assets.append(
            {
                "asset": told["id"],
                "kind": "machine",
                "retired": False,
                "reason": "",
                "version": 1,
                **known,
                **where,
            }
        )
    return resources.AssetsModel.model_validate(
        {"assets": assets, "roles": [], "free_roles": [], "stores": {}, "at_ms": world.now_ms()}
    ).model_dump(by_alias=True)


def signal_of(signal_id: str) -> Signal:
    return next(s for s in world.registry.signals if s.id == signal_id)


def points(signal_id: str, from_ms: float, to_ms: float, columns: int) -> tuple[dict[str, list[float]], Any]:
    """Return the columns of an invented curve and its gaps."""
    signal = signal_of(signal_id)
    step = (to_ms - from_ms) / columns
    gap = (START_MS + 3_600_000, START_MS + 4_200_000)
    end = min(to_ms, world.cut.get(signal.connection, world.now_ms()))
    times = [from_ms + k * step for k in range(columns)]
    times = [t for t in times if START_MS <= t <= end and not gap[0] < t < gap[1]]
    means = []
    for t in times:
        v = world.value(signal, int(t))
        means.append(float(v) if isinstance(v, int | float) else math.nan)
    wide = 0.01 if signal.type.startswith("float") else 0.0
    spread = [abs(m) * wide * noise(signal_id, int(t)) for m, t in zip(means, times, strict=True)]
    data = {
        "t_ms": times,
        "min": [m - s for m, s in zip(means, spread, strict=True)],
        "max": [m + s for m, s in zip(means, spread, strict=True)],
        "mean": means,
    }
    return data, [list(gap)] if from_ms < gap[1] and to_ms > gap[0] else []


@app.get(f"{API}/curves")
async def curves(request: Request, from_ms: float, to_ms: float, columns: int) -> Response:
    """Return many curves one after the other."""
    names = request.query_params.getlist("signal")
    whole: dict[str, list[float]] = {"t_ms": [], "min": [], "max": [], "mean": []}
    parts = []
    for name in names:
        data, gaps = points(name, from_ms, to_ms, columns)
        first, rows = len(whole["t_ms"]), len(data["t_ms"])
        parts.append({"signal": name, "first": first, "rows": rows, "gaps": gaps})
        for key, values in data.items():
            whole[key].extend(values)
    body = column_bytes({key: np.array(values) for key, values in whole.items()}, {"curves": parts})
    return Response(body, media_type=MEDIA_TYPE)


@app.get(f"{API}/signals/{{signal_id:path}}/curve")
async def curve(signal_id: str, from_ms: float, to_ms: float, columns: int) -> Response:
    data, gaps = points(signal_id, from_ms, to_ms, columns)
    times = data["t_ms"]
    quality = [2 if START_MS + 2_000_000 < t < START_MS + 2_900_000 else 0 for t in times]
    arrays = {key: np.array(values) for key, values in data.items()}
    arrays |= {"quality": np.array(quality, dtype=np.uint8), "count": np.full(len(times), 12.0)}
    more = {"gaps": gaps, "width_ms": (to_ms - from_ms) / columns}
    return Response(column_bytes(arrays, more), media_type=MEDIA_TYPE)


@app.get(f"{API}/signals/{{signal_id:path}}/values")
async def values(signal_id: str, before_ms: float, limit: int) -> Any:
    signal = signal_of(signal_id)
    rows = []
    for k in range(limit):
        at = int(before_ms) - k * 2000 - (560_000 if k > 9 else 0)
        rows.append(
            {
                "source_ms": at - 60,
                "ingest_ms": at - 24,
                "recorded_ms": at + 110,
                "value": world.value(signal, at),
                "quality": 0 if k != 4 else 2,
                "sequence": 4471612 - k,
                "epoch": START_MS,
            }
        )
    return objects.StoredValues.model_validate({"values": rows})


@app.get(f"{API}/signals/{{signal_id:path}}/origin")
async def origin(signal_id: str) -> Any:
    s = signal_of(signal_id)
    return objects.Origin(
        asset="sensor 0C-7719, mounted 2024-05-03",
        protocol=world.registry.connections[s.connection].connector,
        connection=s.connection,
        endpoint="127.0.0.1:1883",
        address=s.address,
        decoded=f"number to {s.type}, nothing coerced",
        unit=s.unit,
        topic=mirror_topic(s),
        mirror_topic=mirror_topic(s),
        kept="as received, 7 days; then min, mean, max of a minute",
        last_bytes_text='{"timestamp_ms":1794490326412,"value":33.1}',
    )


@app.get(f"{API}/signals/{{signal_id:path}}/hops")
async def signal_hops(signal_id: str) -> Any:
    names = ["source", "gateway", "bus", "twin", "frame", "portal", "screen"]
    start = world.now_ms() - 128
    this, stats = [], []
    for h in names:
        ms = round(2 + 40 * noise(signal_id, h), 1)
        this.append({"hop": h, "start_ms": start, "ms": ms, "estimated": h == "screen"})
        start += int(ms)
        stats.append(
            {
                "hop": h,
                "p50": ms * 0.9,
                "p99": ms * 2.2,
                "max": ms * 3,
                "count": 900,
                "estimated": h == "screen",
            }
        )
    return objects.SignalHops.model_validate(
        {"this": this, "stats": stats, "whole": {"this": 128, "p50": 88, "p99": 236}}
    )


@app.get(f"{API}/alarms")
async def alarms() -> Any:
    found = world.alarms()
    return alarm_models.AlarmList.model_validate(
        {
            "alarms": found,
            "groups": [],
            "causes": 4,
            "count": len(found),
            "counts_by_priority": {"1": 0, "2": 2, "3": 2},
            "at_ms": world.now_ms(),
        }
    )


@app.get(f"{API}/alarms/journal")
async def journal() -> Any:
    rows = []
    for a in world.alarm_list:
        rows.append(
            {"at_ms": a["first_seen_ms"], "event": "raised", "person": "", "comment": "", "value": a["value"]}
            | {k: a[k] for k in ("alarm", "equipment", "priority", "message")}
        )
        if a["acknowledged_ms"]:
            rows.append(
                rows[-1]
                | {
                    "at_ms": a["acknowledged_ms"],
                    "event": "acknowledged",
                    "person": a["acknowledged_by"],
                    "comment": a["comment"],
                }
            )
        if a["returned_ms"]:
            rows.append(rows[-1] | {"at_ms": a["returned_ms"], "event": "cleared"})
    rows.extend(world.noted)
    rows.sort(key=lambda r: -r["at_ms"])
    return alarm_models.Journal.model_validate({"entries": [r | {"id": str(k)} for k, r in enumerate(rows)]})


@app.get(f"{API}/alarms/health")
async def alarm_health() -> Any:
    now = world.now_ms()
    columns = [
        {"from_ms": now - k * 600_000, "count": int(noise("rate", k) ** 6 * 14)} for k in range(143, -1, -1)
    ]
    return alarm_models.AlarmHealth.model_validate(
        {
            "rate_per_10_min": 0.6,
            "floods": [{"from_ms": now - 40 * 600_000, "count": 12}],
            "standing_over_24h": [
                {
                    "alarm": "meter_line3:silence",
                    "message": "Meter line 3 is silent",
                    "since_ms": now - 4 * 86_400_000,
                }
            ],
            "worst": [
                {
                    "alarm": a["alarm"],
                    "message": a["message"],
                    "count": 118 // (k + 1),
                    "share": 0.19 / (k + 1),
                }
                for k, a in enumerate(world.alarm_list)
            ],
            "priorities": {"1": 4, "2": 27, "3": 71},
            "rates": columns,
            "shelved": 1,
            "median_acknowledge_s": {"2": 130, "3": 360},
            "from_ms": now - 7 * 86_400_000,
            "to_ms": now,
        }
    )


@app.post(f"{API}/alarms/{{alarm:path}}/{{verb}}")
async def decide(alarm: str, verb: str, decision: alarm_models.Decision) -> Any:
    now = world.now_ms()
    change: dict[str, Any] = {"version": str(now), "comment": decision.comment}
    if verb == "acknowledge":
        change |= {"state": "ACKED", "acknowledged_by": "demo", "acknowledged_ms": now}
    elif verb == "shelve":
        change |= {"state": "SHLVD", "shelved_until_ms": decision.until_ms}
    elif verb == "unshelve":
        change |= {"state": "UNACK", "shelved_until_ms": 0}
    world.acknowledged[alarm] = world.acknowledged.get(alarm, {}) | change
    if alarm.endswith(":silence"):
        world.note(alarm, {"acknowledge": "acknowledged", "shelve": "shelved"}.get(verb, f"{verb}d"))
    return alarm_models.Decided(event_id=f"{now}")


@app.get(f"{API}/bar")
async def bar(from_ms: int, to_ms: int, columns: int) -> Any:
    step = max(1, (to_ms - from_ms) // columns)
    spans = []
    for k in range(columns):
        at = from_ms + k * step
        counted = START_MS <= at <= world.now_ms() and not START_MS + 3_600_000 < at < START_MS + 4_200_000
        good = int(step / 60_000 * (1.1 + 0.2 * noise("bar", at // 600_000))) if counted else None
        spans.append({"from_ms": at, "to_ms": at + step, "good": good})
    marks = [
        {"at_ms": a["first_seen_ms"], "priority": a["priority"], "alarm": a["alarm"], "message": a["message"]}
        for a in world.alarm_list
    ]
    return objects.Bar.model_validate(
        {"columns": spans, "marks": marks, "start_ms": START_MS, "now_ms": world.now_ms()}
    )


@app.get(f"{API}/search")
async def search(q: str) -> Any:
    found = [
        {"kind": "machine", "id": e.id, "title": e.id, "subtitle": e.name, "href": f"/machine/{e.id}"}
        for e in world.registry.work_units
        if q.lower() in f"{e.id} {e.name}".lower()
    ]
    found += [
        {"kind": "signal", "id": s.id, "title": s.id, "subtitle": s.name, "href": f"/signal/{s.id}"}
        for s in world.registry.signals
        if q.lower() in s.id
    ][:20]
    return objects.SearchResults.model_validate({"results": found})


@app.get(f"{API}/demo/injections")
async def injections() -> Any:
    return system.Injections(
        kinds=[
            system.InjectionKind(
                kind="cut_connection",
                title="Pull a cable",
                target="connection",
                targets=sorted(world.registry.connections),
                parameters={},
            )
        ],
        active=[],
    )


@app.post(f"{API}/demo/injections")
async def inject(wish: system.Inject) -> Any:
    world.cut[wish.target] = world.now_ms()
    return system.Injected(id="1")


async def not_held(address: str) -> None:
    """Wait as long as an address is kept back."""
    async with released:
        await released.wait_for(lambda: not any(word in address for word in held))


class Link:
    """One page on the stream."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.seq = 0
        self.replay: tuple[int, float] | None = None  # (plant ms, monotonic s) of its last setting
        self.speed = 1.0
        self.fresh = True
        self.entering: asyncio.TimerHandle | None = None

    def t(self) -> int:
        if self.replay is None:
            return world.now_ms()
        at, since = self.replay
        return at + int((time.monotonic() - since) * 1000 * self.speed)

    async def say(self, model: Any) -> None:
        await self.socket.send_text(model.model_dump_json(exclude_none=False, exclude_unset=True))

    async def snapshot(self) -> None:
        self.seq += 1
        t = self.t()
        await self.say(
            live_models.LiveSnapshot.model_validate(
                {
                    "type": "snapshot",
                    "seq": self.seq,
                    "t": t,
                    "mode": "replay" if self.replay else "live",
                    "speed": self.speed if self.replay else 1,
                    **world.columns(t),
                    **world.documents(t),
                }
            )
        )

    async def frame(self, turn: int) -> None:
        self.seq += 1
        t = self.t()
        only = [
            s.index for s in world.registry.signals if s.index % 10 == turn % 10 or s.connection in world.cut
        ]
        c = world.columns(t, only)
        row = {
            "type": "frame",
            "seq": self.seq,
            "t": t,
            "i": c["i"],
            "v": c["v"],
            "q": c["q"],
            "dt": [None if s is None else t - s for s in c["st"]],
            "cd": [None if s is None else t - s for s in c["cf"]],
            "old": c["old"],
        }
        if turn % 5 == 0:
            row |= world.documents(t)
        await self.say(live_models.LiveFrame.model_validate(row))

    async def speak(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(0.1)
            await speaking.wait()
            if self.fresh:
                await not_held("live")
                self.fresh = False
                await self.snapshot()
            elif self.replay is None or self.speed:
                await self.frame(turn)
            if turn % 10 == 0:
                await self.say(live_models.LiveHeartbeat(type="heartbeat", t=self.t()))
            turn += 1

    def enter(self, at_ms: int, speed: float) -> None:
        """Be in the replay, a moment after it was wished: the recorder has to read first."""
        self.replay, self.speed, self.fresh = (at_ms, time.monotonic()), speed, True

    async def listen(self) -> None:
        while True:
            wish = json.loads(await self.socket.receive_text())
            match wish["op"]:
                case "mode" if wish["mode"] == "replay":
                    later = asyncio.get_running_loop().call_later
                    self.entering = later(0.4, self.enter, wish["at_ms"], wish["speed"])
                    continue
                case "mode":
                    if self.entering:
                        self.entering.cancel()  # as the portal does, the last wish counts
                    self.replay, self.speed = None, 1.0
                case "seek" | "speed" | "step" if self.replay is None:
                    await self.say(
                        live_models.LiveProblem(
                            type="problem", op=wish["op"], title="This cannot be done", place="mode",
                            found="live", right="replay: only the past can be steered",
                        )
                    )  # fmt: skip
                    continue
                case "seek":
                    self.replay = (wish["at_ms"], time.monotonic())
                case "speed":
                    self.replay = (self.t(), time.monotonic())
                    self.speed = wish["speed"]
                case "step":
                    at, way = self.t(), wish["step"]
                    marks = sorted(way * int(a["first_seen_ms"]) for a in world.alarm_list)
                    there = next((way * m for m in marks if m > way * at), at)
                    self.replay = (there, time.monotonic())
                case "drawn":
                    continue
            self.fresh = True


@app.websocket(f"{API}/live")
async def stream(socket: WebSocket) -> None:
    await socket.accept()
    one = Link(socket)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(one.speak())
            tasks.create_task(one.listen())
    except* (WebSocketDisconnect, RuntimeError):
        pass  # the page went


class Torn(Response):
    """An answer of which half arrives: then the server is gone."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        head = [(b"content-type", b"application/json"), (b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"{" + b" " * 49, "more_body": True})


@app.middleware("http")
async def hang(request: Request, following: Any) -> Any:
    if request.url.path.startswith(API):
        await speaking.wait()
        path = request.url.path.removeprefix(API)
        await not_held(path)
        if any(word in path for word in torn):
            return Torn()
    return await following(request)


app.include_router(Pages().router)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
