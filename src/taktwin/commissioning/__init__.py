"""Virtual commissioning: a planned line, played by the simulation in real time, wearing machines' faces."""
