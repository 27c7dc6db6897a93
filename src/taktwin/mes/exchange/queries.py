"""What an ERP may ask for: answers as B2MML. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.exchange import confirming, defining, telling
from taktwin.standards import b2mml
from taktwin.storage.book import Reading
from taktwin.storage.journal import Trail

Answer = dict[str, Any]


def _orders(book: Reading, definitions: Definitions, wish: Answer, now_ns: int) -> Answer:
    return {"content": confirming.orders(book, sender=str(wish["sender"]), at_ns=now_ns)}


def _jobs(book: Reading, definitions: Definitions, wish: Answer, now_ns: int) -> Answer:
    return {"content": confirming.job_list(book, sender=str(wish["sender"]), at_ns=now_ns)}


def _stock(book: Reading, definitions: Definitions, wish: Answer, now_ns: int) -> Answer:
    return _found(confirming.stock(book, sender=str(wish["sender"]), at_ns=now_ns))


def _performance(book: Reading, definitions: Definitions, wish: Answer, now_ns: int) -> Answer:
    request, sender = str(wish["request"]), str(wish["sender"])
    return _found(confirming.performance(book, request, sender=sender, at_ns=now_ns))


def _work(book: Reading, definitions: Definitions, wish: Answer, now_ns: int) -> Answer:
    request, sender = str(wish["request"]), str(wish["sender"])
    return _found(confirming.work_performance(book, definitions, request, sender=sender, at_ns=now_ns))


def _definitions(book: Reading, definitions: Definitions, wish: Answer, now_ns: int) -> Answer:
    found = defining.shown(book, definitions, now_ns)
    if not found:
        return {}
    sender = str(wish["sender"])
    return {"content": b2mml.show_operations_definitions(found, sender=sender, at_ns=now_ns)}


def _events(book: Reading, trail: Trail, definitions: Definitions, wish: Answer, now_ns: int) -> Answer:
    """Return the next facts of some classes; nothing where there are none: the schema wants one."""
    classes = [str(name) for name in wish["classes"]]
    entries = trail.following(int(wish["after"]), types=telling.types_of(classes), limit=telling.TOLD_MAX)
    found = telling.told(entries, classes)
    if not found:
        return {}
    content = b2mml.notify_operations_events(found, sender=str(wish["sender"]), at_ns=now_ns)
    return {"content": content, "last": found[-1].sequence}


def _found(content: bytes | None) -> Answer:
    return {} if content is None else {"content": content}


QUERIES: dict[str, Callable[[Reading, Definitions, Answer, int], Answer]] = {
    "b2mml_orders": _orders, "b2mml_jobs": _jobs, "b2mml_stock": _stock,
    "b2mml_performance": _performance, "b2mml_work": _work,
    "b2mml_definitions": _definitions,
}  # fmt: skip
TRAILS: dict[str, Callable[[Reading, Trail, Definitions, Answer, int], Answer]] = {"b2mml_events": _events}
