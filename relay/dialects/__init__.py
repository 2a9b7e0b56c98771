"""The shapes in which clients speak to the relay, one module or package each. Pure: bytes and values, no I/O."""
