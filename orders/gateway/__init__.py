"""The local payment gateway: a development tool that speaks xunhupay, EPay and the part of Stripe that shops use.

A person pays on its page by clicking, a test through its control API; signatures are genuine, notifies are repeated
until the shop acknowledges them, and no money moves. It plays the stranger: nothing here imports the rest of the
product, so the two sides of each protocol are written independently and check one another.
"""
