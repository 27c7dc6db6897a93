"""Lots and serialised units: where they are, what went into them, whom a recall reaches."""

from __future__ import annotations

from taktwin.portal.models.base import Model
from taktwin.portal.models.checklists import AnswerModel, PhotoModel
from taktwin.portal.models.collection import ScrapModel
from taktwin.portal.models.execution import JobModel
from taktwin.portal.models.quality import ResultModel
from taktwin.portal.models.scheduling import OrderModel


class LotHere(Model):
    """A component at a work unit, and the lot that stands there."""

    product: str
    name: str
    quantity: float
    unit: str
    tracked: bool
    lot: str
    remaining: float
    disposition: str
    in_stock: list[str]


class LotModel(Model):
    """A material lot."""

    lot: str
    product: str
    quantity: float
    remaining: float
    disposition: str
    reason: str
    received_ms: int
    version: int


class LotsModel(Model):
    """A page of the lots, by number."""

    lots: list[LotModel]
    next: str  # `after` of the next page; "" = that was all


class RouteStateModel(Model):
    """Whether a unit may be worked on at a work unit now."""

    may: bool
    code: str  # ok | rework | unknown | held | scrap | finished | elsewhere | repeated | skipped
    detail: str
    operation: int
    rework: str


class SerialModel(Model):
    """A serialised unit."""

    unit: str
    product: str
    request: str
    disposition: str
    reason: str
    operation: int
    created_ms: int
    finished_ms: int
    version: int
    definition: str  # version of the product's definition; "": the plant folder's


class ReworkStepModel(Model):
    """A step of a rework route, and where it may be done."""

    name: str
    work_units: list[str]


class ReworkModel(Model):
    """A unit on a rework route."""

    rework: str
    nonconformance: str
    unit: str
    route: str
    steps: list[ReworkStepModel]
    done: int
    back_to: int
    operation: int
    state: str
    ordered_ms: int
    version: int


class PassageModel(Model):
    """A unit at an operation."""

    passage: str
    unit: str
    job: str
    operation: int
    work_unit: str
    good: bool
    at_ms: int


class EatenModel(Model):
    """Something that went into a unit."""

    consumption: str
    unit: str
    component: str
    lot: str
    quantity: float
    job: str
    work_unit: str
    at_ms: int
    name: str
    disposition: str
    reason: str
    sisters: int
    origins: list[str]  # lots that were split or merged into this one
    below: list[EatenModel]


class SerialPage(Model):
    """A unit, its way, and all that went into it."""

    unit: SerialModel
    passages: list[PassageModel]
    eaten: list[EatenModel]
    parents: list[str]
    results: list[ResultModel]
    rework: ReworkModel | None  # that it is in
    scrap: list[ScrapModel]  # reports that stand
    answers: list[AnswerModel]
    photos: list[PhotoModel]


class RecalledModel(SerialModel):
    """A unit of a recall, and who ordered it."""

    customer: str


class RecalledOrder(Model):
    """A customer's order with so many units of a recall."""

    request: str
    customer: str
    units: int


class RecallModel(Model):
    """A lot, the lots that it went into, every unit that it went into, and whose order that is of."""

    lot: LotModel
    lots: list[str]
    units: list[RecalledModel]
    orders: list[RecalledOrder]


class OrderPage(Model):
    """An order with its job orders and units."""

    order: OrderModel
    jobs: list[JobModel]
    units: list[SerialModel]
    unit_count: int
    answers: list[AnswerModel]
    photos: list[PhotoModel]
