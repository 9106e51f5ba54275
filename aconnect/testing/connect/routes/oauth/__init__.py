"""The simulated operations below `oauth`."""
