"""What a machine asked, was told and said: what the MES answers, as the page takes it."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class QuestionAsked(Model):
    """The last question of a cell: may this part be built in?"""

    unit: str
    number: int
    asked_ms: int
    answer: str  # contracts.interlock.Answer in small letters
    may: bool
    cause: str
    job: str
    outcome: str  # of the command that told it: "" = not known yet; late = the cell had given up
    late: bool  # nobody has said what came of it, and the cell has given up


class ParameterHeld(Model):
    """A parameter that a machine was told to hold, and what it said that it holds."""

    place: str
    work_unit: str
    parameter: str
    job: str
    product: str
    wanted: float
    found: float | None
    same: bool
    unit_of_measure: str
    by: str
    at_ms: int


class MachineCommandModel(Model):
    """A command to a machine and what came of it."""

    command: str
    name: str
    job: str
    by: str
    why: str
    given_ms: int
    ended_ms: int
    late: bool
    outcome: str  # "" = not known yet
    place: str
    found: str
    right: str


class ToldModel(Model):
    """What a machine asked, was told and said."""

    work_unit: str
    asks: bool
    question: QuestionAsked | None
    parameters: list[ParameterHeld]
    commands: list[MachineCommandModel]
    at_ms: int
