"""The simulated operations below `content`."""
