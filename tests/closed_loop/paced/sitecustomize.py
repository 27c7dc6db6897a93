"""Python imports a module of this name by itself, where it is on the path of a process that starts."""

from tests.closed_loop.pace import hand_over

hand_over()
