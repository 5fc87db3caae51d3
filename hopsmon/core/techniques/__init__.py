"""Techniques, one file each, in families that do not know each other."""
