"""Level 3.5: knows physics and place; commands nobody."""
