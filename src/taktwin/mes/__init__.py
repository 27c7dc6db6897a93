"""Level 3: decides orders, genealogy, dispositions, people. Nobody else may."""

from pathlib import Path

from taktwin.storage.database import migrations_in

MIGRATIONS = migrations_in(Path(__file__).parent / "migrations")
