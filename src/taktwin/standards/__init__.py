"""Names that others decided, tested against their schema files."""
