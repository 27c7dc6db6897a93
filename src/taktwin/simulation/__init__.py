"""Simulation of the plant: a compiled kernel, a plain reference that explains, the model that both read."""
