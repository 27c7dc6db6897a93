"""Answers to checklists, and photos."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData


class AnswerChecklist(CommandData, frozen=True, kw_only=True):
    """Answer an item of a checklist; the command's id is the answer's. One of the four, as the item asks."""

    command_name: ClassVar[str] = "checklist.answer"
    job: str
    checklist: str
    item: str
    done: bool | None = None  # of a step, and of a question for yes or no
    value: float | None = None
    unit_of_measure: str = ""  # UCUM: what the person believes to have measured in
    text: str = ""


class AttachPhoto(CommandData, frozen=True, kw_only=True):
    """Keep a photo of a unit, a job order or a nonconformance; the command's id is the photo's."""

    command_name: ClassVar[str] = "photo.attach"
    kind: str  # unit | job | nonconformance
    record: str
    content: bytes  # JPEG or PNG; Base64 in JSON
    caption: str = ""
    checklist: str = ""  # of a job order: the item whose answer it is
    item: str = ""
