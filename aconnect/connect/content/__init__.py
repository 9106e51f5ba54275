"""Content: the items, and what belongs to one; `content.a.b` is in `content/a.py`."""
