"""B2MML 0701: what an ERP and an MES say to each other, as the XML of ISA-95 part 5 transactions. Pure.

The Business To Manufacturing Markup Language (B2MML) is used courtesy of MESA International.

A file a noun; `message` holds what all of them share.
"""

from taktwin.standards.b2mml.definitions import (
    DefinitionIn,
    Line,
    ProductDefinition,
    Segment,
    definitions,
    show_operations_definitions,
)
from taktwin.standards.b2mml.jobs import JobIn, JobOut, job_list, show_job_list
from taktwin.standards.b2mml.lots import LotOut, read_material_lots, show_material_lots
from taktwin.standards.b2mml.message import (
    PIECES,
    B2mmlError,
    NotRead,
    Transaction,
    Unreadable,
    Verdict,
    acknowledge,
    number,
    read,
)
from taktwin.standards.b2mml.operations_events import (
    EventOut,
    notify_operations_events,
    read_operations_events,
)
from taktwin.standards.b2mml.orders import (
    RELEASED,
    OrderIn,
    OrderOut,
    Schedule,
    operations_schedule,
    read_operations_schedule,
    show_operations_schedule,
)
from taktwin.standards.b2mml.performance import (
    JobResponse,
    SegmentOut,
    read_operations_performance,
    read_work_performance,
    show_operations_performance,
    show_work_performance,
)

__all__ = [
    "PIECES", "RELEASED", "B2mmlError", "DefinitionIn", "EventOut", "JobIn", "JobOut", "JobResponse", "Line",
    "LotOut",
    "NotRead", "OrderIn", "OrderOut", "ProductDefinition", "Schedule", "Segment", "SegmentOut", "Transaction",
    "Unreadable", "Verdict", "acknowledge", "definitions", "job_list", "notify_operations_events", "number",
    "operations_schedule", "read", "read_material_lots", "read_operations_events",
    "read_operations_performance", "read_operations_schedule", "read_work_performance", "show_job_list",
    "show_material_lots", "show_operations_definitions", "show_operations_performance",
    "show_operations_schedule", "show_work_performance",
]  # fmt: skip
