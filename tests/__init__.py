"""The tests, one folder per app; `tests/conftest.py` says what every test may use."""
