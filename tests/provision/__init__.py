"""Servers for the tests: PostgreSQL and Valkey out of wheels, started once per run and gone with it."""
