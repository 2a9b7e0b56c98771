"""Packages on sale and how credit is bought."""
