"""Great Expectations: the library itself, for those expectations that a window's sample of instances must answer."""
