"""A plant that the twin does not know: SimPy, physics, faults, wearing faces."""
