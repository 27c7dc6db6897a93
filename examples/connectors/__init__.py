"""Connectors of one file each, to copy from."""
