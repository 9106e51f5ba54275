"""Users, groups and environments: brought to a described state."""
