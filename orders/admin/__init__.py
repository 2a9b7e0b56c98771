"""The operator's side of selling, by topic."""

from orders.admin import accounts, catalogue, codes, money, sales

__all__ = ["accounts", "catalogue", "codes", "money", "sales"]
