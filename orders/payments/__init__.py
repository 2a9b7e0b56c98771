"""How orders are paid: attempts, reports, polls, refunds, and the one way to a credit."""
