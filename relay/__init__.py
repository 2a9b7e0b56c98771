"""Channels, routing and the OpenAI-compatible API."""
