"""Remembers every sample, event and interval; interprets nothing."""
