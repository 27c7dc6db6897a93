"""Physical assets: things with a serial number, and which role of equipment each fulfilled when."""
