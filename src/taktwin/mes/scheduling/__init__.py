"""Orders as they came in: what is wanted, until when."""
