"""The ledger: every recommendation from its proof to its measured effect, and what each class may do."""

from pathlib import Path

from taktwin.storage.database import CHAIN, migrations_in

MIGRATIONS = migrations_in(Path(__file__).parent / "migrations", CHAIN)
