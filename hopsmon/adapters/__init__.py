"""The outside world, one folder per vendor; adapters do not know each other."""
