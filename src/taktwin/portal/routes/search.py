"""`/search`: everything that has a page."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query

from taktwin.plant.registry import Registry
from taktwin.portal.context import PersonOf, PortalOf
from taktwin.portal.models.objects import SearchResults
from taktwin.portal.routes.plant import makes
from taktwin.portal.search import Entry, SearchIndex

router = APIRouter(tags=["search"])

# Commands are the page's own: it knows what it can do.
PAGES = (
    Entry("page", "now", "Now", "floor plan, what needs somebody", "/", "jetzt hallenplan home"),
    Entry("page", "alarms", "Alarms", "active, journal, health", "/alarms", "alarme journal alarmbuch"),
    Entry("page", "system", "System", "connections, latency, quarantine, registry", "/system",
          "verbindungen datenqualität prozesse"),
)  # fmt: skip
OF_MAKING = (
    Entry("page", "dispatch", "Dispatch", "job orders, what is in their way", "/schedule/dispatch",
          "disposition aufträge board"),
    Entry("page", "shift", "Shift start", "what can run, who is here, what is missing", "/schedule/shift",
          "schichtbeginn übergabe"),
    Entry("page", "schedule", "Schedule", "what runs where, until when", "/schedule", "planung plan"),
    Entry("page", "people", "People", "who is where, certificates, labour", "/schedule/people",
          "personen nachweise zertifikate"),
    Entry("page", "accounts", "Accounts", "who may sign in, roles", "/schedule/accounts", "konten rollen"),
    Entry("page", "documents", "Work instructions", "release, withdraw", "/schedule/documents",
          "arbeitsanweisungen dokumente"),
    Entry("page", "definitions", "Bills and routings", "versions, approve, withdraw", "/schedule/definitions",
          "stücklisten arbeitspläne versionen erp"),
    Entry("page", "stores", "Stores", "what lies where, goods receipt, counts", "/schedule/stores",
          "lager bestand wareneingang"),
    Entry("page", "performance", "Performance", "stops, figures, OEE", "/performance",
          "leistung stillstände kennzahlen"),
    Entry("page", "quality", "Quality", "nonconformances, measurements, suspects, recall", "/quality",
          "qualität abweichungen rückruf sperre"),
    Entry("page", "holds", "On hold", "what nobody may use now, and why", "/quality/holds",
          "gesperrt sperren los einheit"),
    Entry("page", "audit", "What changed", "the journal, old value beside new", "/quality/audit",
          "was sich änderte journal audit"),
    Entry("page", "maintenance", "Maintenance", "orders, plans, tools, gauges", "/maintenance",
          "instandhaltung wartung werkzeuge"),
    Entry("page", "assets", "Physical assets", "things with a serial number", "/maintenance/assets",
          "anlagenteile spindeln"),
    Entry("page", "resources", "What is missing", "machines, tools, people", "/maintenance/resources",
          "was fehlt ressourcen"),
)  # fmt: skip


@router.get("/search", response_model=SearchResults)
async def search(
    portal: PortalOf,
    person: PersonOf,
    q: Annotated[str, Query(max_length=200)],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """Return what a text may mean, best first."""
    alarms = [
        Entry(
            "alarm",
            a.alarm,
            a.message,
            f"{a.equipment}, priority {a.priority}",
            f"/alarms?alarm={quote(a.alarm, safe='')}",
        )
        for a in portal.hub.picture.standing_alarms()
    ]
    found = portal.search.find(q, limit=limit, further=alarms)
    return {
        "results": [
            {"kind": e.kind, "id": e.id, "title": e.title, "subtitle": e.subtitle, "href": e.href}
            for e in found
        ]
    }


def index(registry: Registry) -> SearchIndex:
    """Return the index of all that a registry names."""
    entries = [*PAGES, *(OF_MAKING if makes(registry) else ())]
    for _, equipment in sorted(registry.equipment.items()):
        entries.append(
            Entry(
                "machine", equipment.id, equipment.name or equipment.id,
                f"{equipment.class_name or equipment.level} in {'/'.join(equipment.place[2:])}",
                _href("machine", equipment.id), " ".join(equipment.aliases),
            )
        )  # fmt: skip
    for _, connection in sorted(registry.connections.items()):
        entries.append(
            Entry("connection", connection.name, connection.name, f"{connection.connector} connection",
                  f"/system#{quote(connection.name)}")
        )  # fmt: skip
    for signal in registry.signals:
        entries.append(
            Entry("signal", signal.id, signal.name or signal.path, f"{signal.id} {signal.role}",
                  _href("signal", signal.id))
        )  # fmt: skip
    return SearchIndex(entries)


def _href(kind: str, identity: str) -> str:
    return f"/{kind}/{quote(identity)}"
