"""What can run now, and what one thing keeps the rest from running."""
