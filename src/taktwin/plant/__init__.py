"""The plant model: described once in files, resolved everywhere by the compiled registry.

`open_plant(folder)` is the one way in; `find_mistakes(folder)` says what is wrong instead of raising.
"""

from taktwin.plant.compile import find_mistakes, open_plant

__all__ = ["find_mistakes", "open_plant"]
