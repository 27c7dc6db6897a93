"""One file a protocol; each registers itself."""
