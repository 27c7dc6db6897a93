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
    found = importlib.import_module(package)
    names = [f"{package}.{module.name}" for module in pkgutil.iter_modules(found.__path__)]
    names += [point.value.partition(":")[0] for point in entry_points(group=entry_point_group)]
    for name in names:
        try:
            importlib.import_module(name)
        except (ImportError, TypeError) as error:
            raise ConfigError(
                [
                    Mistake(
                        name,
                        0,
                        "plug-in",
                        f"{type(error).__name__}: {error}",
                        "a module that can be imported",
                    )
                ]
            ) from error
    return names
