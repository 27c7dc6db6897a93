"""The faces of a plant whose machines are played: one for each connection, whoever plays them."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType

from taktwin.faces.base import Face
from taktwin.faces.job_list import JobList
from taktwin.faces.modbus import ModbusFace
from taktwin.faces.mqtt import MqttFace
from taktwin.faces.opcua import OpcUaFace
from taktwin.faces.shdr import ShdrFace
from taktwin.identity import EquipmentId
from taktwin.plant.registry import Registry
from taktwin.settings import Installation, bus_password

log = logging.getLogger(__name__)


@contextlib.contextmanager
def for_ever() -> Iterator[None]:
    """Make objects that stay for ever: a million, of the servers' address spaces.

    To walk them again and again took half of the time that they are made in, and later 0.3 s of
    processor time at once, seconds on a busy machine, in which every server was silent.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def make_faces(
    registry: Registry,
    installation: Installation,
    user: str,
    jobs: Mapping[str, JobList] = MappingProxyType({}),
    now_ns: Callable[[], int] = lambda: 0,
    *,
    connections: Collection[str] | None = None,
    says_what_is_unknown: bool = False,
) -> dict[str, Face]:
    """Return a face for each connection of the plant, at the endpoint that the installation chose.

    Parameters
    ----------
    user : account of the process that plays, on the backbone
    connections : only these; None: all of the plant
    says_what_is_unknown : a signal that is shown no value says so, instead of a zero
    """
    made: dict[str, Face] = {}
    for name, connection in registry.connections.items():
        if connections is not None and name not in connections:
            continue
        endpoint = installation.endpoints.get(name) or str(connection.settings.get("endpoint", ""))
        if connection.connector == "opcua":
            if not endpoint.startswith("opc.tcp://"):
                endpoint = f"opc.tcp://{endpoint}"
            received = [
                each
                for cell, each in jobs.items()
                if registry.equipment[EquipmentId(cell)].connection == name
            ]
            made[name] = OpcUaFace(
                registry, name, endpoint=endpoint, jobs=received, now_ns=now_ns,
                says_what_is_unknown=says_what_is_unknown,
            )  # fmt: skip
        elif connection.connector == "modbus-tcp":
            made[name] = ModbusFace(registry, name, endpoint=endpoint)
        elif connection.connector == "shdr":
            made[name] = ShdrFace(registry, name, endpoint=endpoint)
        elif connection.connector == "mqtt" and installation.mqtt_port:
            made[name] = MqttFace(
                registry,
                name,
                host=installation.mqtt_host,
                port=installation.mqtt_port,
                user=user if bus_password() else "",
                password=bus_password(),
            )
        else:
            log.warning("nobody plays connection %s (%s)", name, connection.connector)
    return made
