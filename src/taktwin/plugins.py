"""Find plug-ins: the modules of a package of ours, then what other distributions have installed.

A plug-in registers itself when its module is imported; nothing here knows what it is.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from importlib.metadata import entry_points
from types import ModuleType

from taktwin.errors import ConfigError, Mistake

log = logging.getLogger(__name__)


def load(package: str, entry_point_group: str) -> list[str]:
    """Import every module of a package and every entry point of a group; return their names.

    Raises
    ------
    ConfigError
        If a plug-in cannot be imported or refuses to register, naming it and the reason.
    """
    names, broken = load_what_can(package, entry_point_group)
    if broken:
        right = "a module that can be imported"
        raise ConfigError([Mistake(name, 0, "plug-in", why, right) for name, why in broken.items()])
    return names


def load_what_can(package: str, entry_point_group: str) -> tuple[list[str], dict[str, str]]:
    """Return the names of the modules that were imported, and of those that could not be, with why."""
    broken: dict[str, str] = {}

    def imported(name: str) -> ModuleType | None:
        try:
            return importlib.import_module(name)
        except (Exception, SystemExit) as error:
            broken[name] = f"{type(error).__name__}: {error}"
            log.warning("%s cannot be imported", name, exc_info=error)
            return None

    found = imported(package)
    names = (
        [] if found is None else [f"{package}.{each.name}" for each in pkgutil.iter_modules(found.__path__)]
    )
    names += [point.value.partition(":")[0] for point in entry_points(group=entry_point_group)]
    return [name for name in names if imported(name) is not None], broken
