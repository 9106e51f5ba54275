"""What servers have: read, compared, and saved."""
