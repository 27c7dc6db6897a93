"""Definitions of products as versions: received, approved, withdrawn."""
