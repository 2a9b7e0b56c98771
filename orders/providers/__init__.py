"""Payment gateways: one module each, all of the shape of `base.Provider`. They know nothing of our tables."""
