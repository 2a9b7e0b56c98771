"""The sandbox upstream: an OpenAI-compatible server of our own.

It answers without any model behind it: the same request always gets the same words, token counts can be checked by
hand, and special model names produce delays, errors and broken streams on request. Demo, tests and free trials use it
as an ordinary channel, over HTTP; nothing here imports the rest of the product.
"""
