"""What if: the plant's present, run forward with and without a change; it can command nobody."""
