"""Root cause: which features, and which slices, a drift finding for the whole model comes from."""
