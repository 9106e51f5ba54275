"""Where rows are written to: a module for each format."""
