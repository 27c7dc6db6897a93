"""Find plug-ins: the modules of a package of ours, then what other distributions have installed.

A plug-in registers itself when its module is imported; nothing here knows what it is.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points

from taktwin.errors import ConfigError, Mistake


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
    found = importlib.import_module(package)
    names = [f"{package}.{module.name}" for module in pkgutil.iter_modules(found.__path__)]
    names += [point.value.partition(":")[0] for point in entry_points(group=entry_point_group)]
    broken: dict[str, str] = {}
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - anybody may write one, and it may raise anything
            broken[name] = f"{type(error).__name__}: {error}"
    return [name for name in names if name not in broken], broken
