"""Measurements with limits, nonconformances and what was decided on them, by role."""
