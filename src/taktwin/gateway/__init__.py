"""Level 2: machines speak once; knows no orders."""
