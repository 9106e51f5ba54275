"""What a directory is and what of it is sent: a project, its manifest, its archive."""
