"""Faults that were met in the field, ours and other clients: one file a kind."""
