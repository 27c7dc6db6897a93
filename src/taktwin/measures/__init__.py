"""Calculation without I/O: time classes, KPIs."""
