"""Where material lies: so much of a lot in each place, moved, counted, used up there."""
