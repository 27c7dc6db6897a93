"""Signatures: who meant what about which record, proven at that moment."""
