"""Checklists and photos: what people did by hand, and what they saw."""
