"""What an operator needs at one work unit."""

from __future__ import annotations

from taktwin.portal.models.base import Model
from taktwin.portal.models.checklists import QuestionModel
from taktwin.portal.models.collection import ReasonModel, ScrapModel, SetAsideModel
from taktwin.portal.models.documents import InstructionModel
from taktwin.portal.models.execution import LineModel
from taktwin.portal.models.quality import CheckModel
from taktwin.portal.models.tracking import LotHere


class TerminalModel(Model):
    """What an operator needs at one work unit."""

    work_unit: str
    name: str
    job: LineModel | None
    next: list[LineModel]
    lots: list[LotHere]
    reports: list[ScrapModel]
    reasons: list[ReasonModel]
    checks: list[CheckModel]
    last_unit: str
    documents: list[InstructionModel]
    checklists: list[QuestionModel]
    set_aside: list[SetAsideModel]
    at_ms: int
