"""A job control client of somebody else: asyncua and nothing of ours. Driven by lines of JSON.

`python foreign_job_client.py <url> <control node> <results node>`: each line is a list, a method with its
arguments or a question; each answer is one line. It learns the structures from the server alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from asyncua import Client, ua

URI = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"
events: list[list[Any]] = []


class Handler:
    def event_notification(self, event: Any) -> None:
        events.append(
            [event.JobOrder.JobOrderID, [[s.StateText.Text, s.StateNumber] for s in event.JobState]]
        )


def state(said: Any) -> list[Any]:
    return [[each.StateText.Text, each.StateNumber] for each in said]


def order(job: str, product: str, quantity: str) -> Any:
    material = ua.ISA95MaterialDataType()
    material.MaterialDefinitionID, material.MaterialUse, material.Quantity = (
        product,
        "Material Produced",
        quantity,
    )
    made = ua.ISA95JobOrderDataType()
    made.JobOrderID, made.Priority, made.MaterialRequirements = job, 5, [material]
    return made


def said(response: Any) -> list[Any]:
    made = response.MaterialActuals or []
    return [response.JobOrderID, state(response.JobState or []), [m.Quantity for m in made]]


async def main(url: str, control_id: str, results_id: str) -> None:
    async with Client(url, timeout=10) as client:
        ns = await client.get_namespace_index(URI)
        await client.load_data_type_definitions()
        control, results = client.get_node(control_id), client.get_node(results_id)
        subscription = await client.create_subscription(20, Handler())
        event_type = client.get_node(ua.NodeId(1006, ns))
        await subscription.subscribe_events(results, event_type)
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            word, *rest = json.loads(line)
            answer: Any
            if word == "list":
                found = await (await control.get_child(f"{ns}:JobOrderList")).read_value()
                answer = [[each.JobOrder.JobOrderID, state(each.State)] for each in found]
            elif word == "types":
                kind = client.get_node(await control.read_type_definition())
                children = await control.get_children_descriptions()
                answer = [
                    (await kind.read_browse_name()).Name, kind.nodeid.Identifier,
                    sorted(each.BrowseName.Name for each in children),
                ]  # fmt: skip
            elif word == "events":
                answer = events
            elif word == "response":
                found, status = await results.call_method(f"{ns}:RequestJobResponseByJobOrderID", rest[0])
                answer = [status, said(found)]
            elif word == "responses":
                wanted = ua.ISA95StateDataType()
                wanted.StateNumber = rest[0]
                found, status = await results.call_method(f"{ns}:RequestJobResponseByJobOrderState", [wanted])
                answer = [status, [said(each) for each in found]]
            elif word in ("Store", "StoreAndStart", "Update"):
                answer = await control.call_method(f"{ns}:{word}", order(*rest), [ua.LocalizedText("test")])
            else:
                answer = await control.call_method(f"{ns}:{word}", rest[0], [ua.LocalizedText("test")])
            print(json.dumps(answer), flush=True)


asyncio.run(main(*sys.argv[1:4]))
