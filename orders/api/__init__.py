"""The buying part of the site API."""
