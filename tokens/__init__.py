"""API keys and the price groups they run in."""
