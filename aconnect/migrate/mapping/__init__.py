"""Who and what of one server corresponds to whom and what of another."""
