"""Reports of migrations in files: a module for each format."""
