"""Accounts: who may sign in, with which roles in which part of the plant; sessions and tokens."""
