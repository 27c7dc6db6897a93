"""Figures against peers and limits, measured in the same run. `make bench` runs all of them.

A benchmark is a module of this folder with `run() -> list[dict]`: rows of
`{area, name, value, unit, peer, peer_value, ratio, bar, met}`. Not part of the tests.
"""
