"""What machines were told through the commander, and what came of it."""
