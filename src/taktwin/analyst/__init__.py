"""AI on the twin: models that are watched, and proposals that the twin has proved. It proposes only."""
