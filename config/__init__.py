"""The composition root: settings, URLs, ASGI, Celery. It alone may import every app."""
