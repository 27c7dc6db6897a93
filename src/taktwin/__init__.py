"""taktwin: MES, digital twin and AI for factories, joined by one contract."""

__version__ = "0.1.0"
