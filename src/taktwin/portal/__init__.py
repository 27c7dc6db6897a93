"""The people's door; no business rules."""
