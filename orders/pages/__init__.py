"""What buyers see: plans, pay pages, Wallet, Orders, what a key has."""
