"""The device history record as PDF, from the same structs as its JSON; equal records make equal bytes.

Each page says which of how many it is, and the digest of the JSON that it was made of.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from PIL import Image as Picture
from PIL import UnidentifiedImageError
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from taktwin.contracts.device_history import (
    Answer,
    DeviceHistory,
    DeviceHistoryFile,
    Material,
    Measurement,
    Parameter,
    Photograph,
    Signed,
)
from taktwin.errors import StoreError
from taktwin.mes.dossier.words import LANGUAGES

Pictures = Callable[[str], bytes | None]  # a photo by the name of its file; None: it is not there

FONTS = Path(__file__).resolve().parent / "fonts"
PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"
WIDTH = A4[0] - 30 * mm
FRAME = 6  # points that a page keeps free on each side of what stands in it
for _name in (PLAIN, BOLD):
    pdfmetrics.registerFont(TTFont(_name, FONTS / f"{_name}.ttf"))
pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=PLAIN, boldItalic=BOLD)
TEXT = ParagraphStyle("text", fontName=PLAIN, fontSize=7.5, leading=10, splitLongWords=True)
HEAD = ParagraphStyle("head", parent=TEXT, fontName=BOLD, fontSize=10.5, leading=14, spaceBefore=10,
                      spaceAfter=3, keepWithNext=1)  # fmt: skip
TITLE = ParagraphStyle("title", parent=HEAD, fontSize=15, leading=20, spaceBefore=0)
THUMBNAIL = 320  # pixels on the longer side, and what they take on paper
THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 42 * mm, 42 * mm
PICTURES_MAX = 100  # more are named and not shown
LINES = TableStyle([
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.Color(0.75, 0.75, 0.75)),
    ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
])  # fmt: skip


def printed(file: DeviceHistoryFile, language: str, pictures: Pictures = lambda name: None) -> bytes:
    """Return the PDF of a record; `language` is one of `words.LANGUAGES`, `pictures` has its photos."""
    words, record = LANGUAGES[language], file.record

    class Numbered(Canvas):  # type: ignore[misc]
        """A canvas that knows how many pages there are before it writes the first foot."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, start=1):
                self.__dict__.update(page)
                self.setFont(PLAIN, 6.5)
                self.drawString(15 * mm, 12 * mm, f"{record.unit} · {record.schema}")
                shown = words["page"].format(page=number, pages=len(self._pages))
                self.drawRightString(A4[0] - 15 * mm, 12 * mm, shown)
                self.drawString(15 * mm, 8.5 * mm, f"SHA-256 {file.digest}")
                super().showPage()
            super().save()

    target = io.BytesIO()
    document = SimpleDocTemplate(
        target, pagesize=A4, leftMargin=15 * mm - FRAME, rightMargin=15 * mm - FRAME, topMargin=14 * mm,
        bottomMargin=18 * mm, title=f"{words['title']} {record.unit}", author=record.site, invariant=1,
        lang=language,
    )  # fmt: skip
    document.build(list(_story(file, words, pictures)), canvasmaker=Numbered)
    return target.getvalue()


def _story(file: DeviceHistoryFile, words: dict[str, str], pictures: Pictures) -> Iterator[Flowable]:
    record = file.record
    yield Paragraph(escape(f"{words['title']}: {record.product} {record.unit}"), TITLE)
    facts = ("unit", "product", "order", "customer", "disposition", "created", "finished", "site")
    values = {name: str(getattr(record, name)) for name in facts}
    for name in ("created", "finished"):
        values[name] = _at(values[name])
    values["product"] = f"{record.product}, {record.name}"
    if record.definition:
        values["product"] += f", {words['definition']} {record.definition}"
    if record.reason:
        values["disposition"] += f": {record.reason}"
    shown = (f"<b>{escape(words[name])}</b> {escape(values[name] or '–')}" for name in facts)
    yield Paragraph(" · ".join(shown), TEXT)
    yield from _exceptions(record, words)
    yield from _table(words["looked"], (8, 3, 3), (words["check"], words["times"], words["found"]), (
        (words[f"check.{each.check}"], str(each.looked_at) if each.looked_at else words["nothing"],
         str(each.exceptions))
        for each in record.looked
    ), words)  # fmt: skip
    proof = record.journal
    yield Paragraph(escape(words["proof"].format(entries=proof.entries, first=proof.first, last=proof.last,
                                                 hash=proof.last_hash)), TEXT)  # fmt: skip
    yield from _table(words["reviews"], (4, 3, 5, 5), _heads(words, "by", "meaning", "at", "subject"), (
        (f"{each.printed_name} ({each.person})", each.meaning, _at(each.at),
         _reviewed(each, file.digest, words))
        for each in file.reviews
    ), words)  # fmt: skip
    yield from _parts(record, words)
    yield from _beside(record, words)
    yield from _photos(record, words, pictures)


def _exceptions(record: DeviceHistory, words: dict[str, str]) -> Iterator[Flowable]:
    n = len(record.exceptions)
    if not n:
        yield Paragraph(escape(words["none"]), HEAD)
        yield Paragraph(escape(words["why"]), TEXT)
        return
    title = words["exception"] if n == 1 else words["exceptions"].format(n=n)
    yield from _table(title, (4, 4, 9, 5, 3), _heads(words, "kind", "subject", "detail", "at", "by"), (
        (words.get(f"kind.{each.kind}", each.kind), each.subject, each.detail, _at(each.at), each.by)
        for each in record.exceptions
    ), words)  # fmt: skip


def _reviewed(review: Signed, digest: str, words: dict[str, str]) -> str:
    if not review.digest:
        return words["of_none"]
    return words["of_now"] if review.digest == digest else f"{words['of_before']}: {review.digest[:16]}…"


def _parts(record: DeviceHistory, words: dict[str, str]) -> Iterator[Flowable]:
    yield from _table(
        words["steps"], (4, 3, 5, 3, 4, 4, 5),
        _heads(words, "operation", "work_unit", "at", "verdict", "crew", "tools", "documents"),
        (
            (
                f"{step.operation} {step.name}", step.work_unit, _at(step.at),
                words["good"] if step.good else words["rejected_part"],
                ", ".join(step.crew) or step.begun_by, ", ".join(step.tools),
                ", ".join(f"{each.document}/{each.revision}" for each in step.instructions),
            )
            for step in record.steps
        ),
        words,
    )  # fmt: skip
    yield from _table(
        words["materials"], (6, 4, 5, 3, 5), _heads(words, "component", "quantity", "lot", "work_unit", "at"),
        _materials(record.materials, words, 0), words,
    )  # fmt: skip
    yield from _table(
        words["measurements"], (5, 4, 4, 2, 4, 5, 4),
        _heads(words, "kind", "value", "limits", "verdict", "by", "at", "gauge"),
        (
            (each.name, _value(each), _limits(each), each.verdict, each.by, _at(each.at),
             f"{each.gauge} – {_at(each.gauge_until)}" if each.gauge else "")
            for each in record.measurements
        ),
        words,
    )  # fmt: skip
    yield from _table(
        words["happenings"], (4, 9, 5, 4, 4), _heads(words, "kind", "detail", "at", "by", "reason"),
        (
            (each.what, each.detail, _at(each.mark.at), each.mark.person or each.mark.actor, each.mark.reason)
            for each in record.happenings
        ),
        words,
    )  # fmt: skip
    yield from _table(
        words["nonconformances"], (2, 7, 7, 7), _heads(words, "kind", "cause", "decisions", "signatures"),
        (
            (
                each.nonconformance, f"{each.cause} ({_at(each.opened)})",
                "; ".join(f"{d.disposition}: {d.cause} ({d.person}, {_at(d.at)})" for d in each.decisions),
                "; ".join(f"{s.printed_name}, {s.meaning}, {_at(s.at)}" for s in each.signatures),
            )
            for each in record.nonconformances
        ),
        words,
    )  # fmt: skip


def _beside(record: DeviceHistory, words: dict[str, str]) -> Iterator[Flowable]:
    """Yield what was loaded into machines, answered on checklists, and who was certified for what."""
    yield from _table(
        words["parameters"], (5, 4, 3, 3, 5, 4),
        _heads(words, "parameter", "operation", "wanted", "held", "at", "by"),
        (
            (each.parameter, f"{step.operation} {step.name}, {step.work_unit}",
             f"{each.wanted:.7g} {each.unit_of_measure}".rstrip(), _held(each), _at(each.at), each.by)
            for step in record.steps
            for each in step.parameters
        ),
        words,
    )  # fmt: skip
    yield from _table(
        words["answers"], (8, 5, 4, 3, 4, 5),
        _heads(words, "kind", "answer", "limits", "verdict", "by", "at"),
        (
            (each.question, _answered(each, words), _limits(each), each.verdict, each.person, _at(each.at))
            for each in record.answers
        ),
        words,
    )  # fmt: skip
    yield from _table(
        words["certificates"], (4, 6, 5, 6), _heads(words, "by", "skill", "until", "operation"),
        (
            (each.person, each.skill + (f" ({words['needed']})" if each.needed else ""), _at(each.until),
             f"{step.operation} {step.name}, {step.work_unit}")
            for step in record.steps
            for each in step.certificates
        ),
        words,
    )  # fmt: skip


def _held(each: Parameter) -> str:
    if each.found is None:
        return "–"
    return f"{each.found:.7g} {each.unit_of_measure}".rstrip() + ("" if each.same else " ≠")


def _answered(each: Answer, words: dict[str, str]) -> str:
    if each.value is not None:
        return f"{each.value:.7g} {each.unit_of_measure}".rstrip()
    if each.done is not None:
        return words["yes"] if each.done else words["no"]
    return each.text


def _photos(record: DeviceHistory, words: dict[str, str], pictures: Pictures) -> Iterator[Flowable]:
    if not record.photos:
        yield from _table(words["photos"], (1,), (words["photos"],), (), words)
        return
    yield Paragraph(escape(words["photos"]), HEAD)
    rows = []
    for number, each in enumerate(record.photos):
        shown = _thumbnail(each, pictures) if number < PICTURES_MAX else None
        said = [f"<b>{escape(each.caption or words[f'of.{each.kind}'])}</b>",
                escape(f"{words[f'of.{each.kind}']} {each.record}, {each.work_unit}".rstrip(", ")),
                escape(f"{each.person}, {_at(each.at)}".lstrip(", ")),
                escape(f"{words['by_sha']} {each.file.partition('.')[0]}")]  # fmt: skip
        if shown is None:
            said.append(escape(words["no_picture"]))
        rows.append([shown or "", Paragraph("<br/>".join(said), TEXT)])
    yield LongTable(rows, colWidths=[THUMBNAIL_WIDTH + 6, WIDTH - THUMBNAIL_WIDTH - 6], style=LINES,
                    hAlign="LEFT")  # fmt: skip


def _thumbnail(each: Photograph, pictures: Pictures) -> Image | None:
    """Return a photo made small, None where it is not there or is no picture."""
    try:
        content = pictures(each.file)
        if content is None:
            return None
        with Picture.open(io.BytesIO(content)) as whole:
            whole.thumbnail((THUMBNAIL, THUMBNAIL))
            small = whole.convert("RGB")
    except (StoreError, UnidentifiedImageError, Picture.DecompressionBombError, OSError, ValueError):
        return None  # the record says by its name that there was one
    target = io.BytesIO()
    small.save(target, "JPEG", quality=75)
    share = min(THUMBNAIL_WIDTH / small.width, THUMBNAIL_HEIGHT / small.height)
    return Image(io.BytesIO(target.getvalue()), width=small.width * share, height=small.height * share)


def _materials(rows: Iterable[Material], words: dict[str, str], depth: int) -> Iterator[tuple[str, ...]]:
    for each in rows:
        name = f"{'· ' * depth}{each.component} {each.name}".rstrip()
        yield name, f"{each.quantity:.6g}", each.lot or words["unknown"], each.work_unit, _at(each.at)
        yield from _materials(each.below, words, depth + 1)


def _value(each: Measurement) -> str:
    return "" if each.value is None else f"{each.value:.7g} {each.unit_of_measure}".rstrip()


def _limits(each: Measurement | Answer) -> str:
    low, high = each.lower, each.upper
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:.7g}'} – {'' if high is None else f'{high:.7g}'}".strip()


def _at(text: str) -> str:
    """Return an instant to the second, as people read it; the JSON has all of it."""
    return text[:19].replace("T", " ")


def _heads(words: dict[str, str], *names: str) -> tuple[str, ...]:
    return tuple(words[name] for name in names)


def _table(
    title: str, shares: Sequence[int], heads: Sequence[str], rows: Iterable[Sequence[str]],
    words: dict[str, str],
) -> Iterator[Flowable]:  # fmt: skip
    yield Paragraph(escape(title), HEAD)
    body = [[Paragraph(escape(text), TEXT) for text in row] for row in rows]
    if not body:
        yield Paragraph(escape(words["empty"]), TEXT)
        return
    top = [Paragraph(f"<b>{escape(text)}</b>", TEXT) for text in heads]
    widths = [WIDTH * share / sum(shares) for share in shares]
    yield LongTable([top, *body], colWidths=widths, repeatRows=1, style=LINES, hAlign="LEFT")
    yield Spacer(1, 2 * mm)
