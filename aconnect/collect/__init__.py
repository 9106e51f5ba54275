"""High-volume collection: usage and audit data in parallel, resumable, in bounded memory."""
