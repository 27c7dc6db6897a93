"""Work instructions: which revision is in force, and who has read it."""
