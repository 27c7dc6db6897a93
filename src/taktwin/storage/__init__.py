"""Rows that must not be lost: transactions, migrations, the book of rows, the hash-chained journal."""
