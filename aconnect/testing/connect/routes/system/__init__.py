"""The simulated operations below `system`."""
