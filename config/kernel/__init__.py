"""Words every app shares: errors, money, ids, secrets. Imports neither Django nor any app."""
