"""The HTTP interface, one file a subject. Routes translate; what is right is decided elsewhere."""
