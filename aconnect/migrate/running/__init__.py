"""Carrying out a plan, and taking it back."""
