"""What `manage.py serve` is made of: child processes, their supervision, and what is said while they run."""
