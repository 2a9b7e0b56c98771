"""Prices, wallet, ledger, holds, usage records and their roll-ups."""
