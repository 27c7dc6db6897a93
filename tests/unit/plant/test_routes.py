"""Who can do an operation, who stands in for whom, and what goes in where."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from taktwin.plant import open_plant
from taktwin.plant.routes import STEP, consumed, number_of, place_of, stand_ins, work_units_of
from taktwin.plant.schema import BillItem, Operation, Product
from tests.unit.plant.test_examples import PLANTS

REGISTRY = open_plant(PLANTS / "northfield")


def operation(kind: str = "turning", *names: str, consumes: tuple[str, ...] = ()) -> Operation:
    return Operation(
        name="turn", equipment_class=kind, equipment=list(names), standard_time_s=1.0, consumes=list(consumes)
    )


def test_operations_are_numbered_with_room_between_them() -> None:
    assert [number_of(place) for place in range(3)] == [10, 20, 30]
    assert [place_of(number_of(place)) for place in range(30)] == list(range(30))


def test_an_operation_is_done_by_those_that_it_names_in_their_sequence_else_by_its_class_by_name() -> None:
    turning = [unit for unit in REGISTRY.work_units if unit.class_id == REGISTRY.work_units[0].class_id]
    kind = turning[0].class_id
    backward = replace(REGISTRY, equipment=dict(list(REGISTRY.equipment.items())[::-1]))
    assert work_units_of(REGISTRY, operation(kind)) == tuple(sorted(str(each.id) for each in turning))
    assert work_units_of(backward, operation(kind)) == work_units_of(REGISTRY, operation(kind))
    assert work_units_of(REGISTRY, operation(kind, "b", "a")) == ("b", "a")
    assert work_units_of(REGISTRY, operation("nothing")) == ()


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=3), max_size=6))
def test_stand_ins_are_those_that_operations_join(named: list[list[str]]) -> None:
    operations = [operation("nothing", *names) for names in named]
    groups = stand_ins(REGISTRY, operations)
    assert sorted(unit for group in groups for unit in group) == sorted({n for names in named for n in names})
    assert all(any(set(names) <= set(group) for group in groups) for names in named if names)
    assert groups == stand_ins(REGISTRY, operations[::-1])
    for group in groups:  # and nobody else: a group falls apart nowhere
        reached = {group[0]}
        while more := {n for names in named if reached & set(names) for n in names} - reached:
            reached |= more
        assert reached == set(group)


def test_what_no_operation_takes_goes_in_at_the_first() -> None:
    items = [BillItem(product=name, quantity=1.0) for name in ("bar", "glue")]
    product = msgspec.structs.replace(
        REGISTRY.products[next(iter(REGISTRY.products))], bill_of_material=items
    )
    assert isinstance(product, Product) and STEP == 10
    silent = [operation(), operation()]
    assert [consumed(product, silent, place) for place in (0, 1)] == [["bar", "glue"], []]
    telling = [operation(), operation(consumes=("glue",))]
    assert [consumed(product, telling, place) for place in (0, 1)] == [[], ["glue"]]
