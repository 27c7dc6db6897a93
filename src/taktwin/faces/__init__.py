"""Protocol servers that look like machines."""
