"""The device history record of a unit: gathered from all functions, judged, printed."""
