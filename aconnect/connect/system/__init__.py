"""The system that content runs on: hosts, caches, checks, documentation and service tokens."""
