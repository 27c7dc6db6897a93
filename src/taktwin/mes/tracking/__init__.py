"""Lots, serialised units, genealogy, holds."""
