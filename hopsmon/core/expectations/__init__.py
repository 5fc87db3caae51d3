"""Expectations: a suite of Great Expectations held against windows. Pure; what needs the library itself is an adapter.

suite ──compile──▶ checks of every instance, checks of the window's statistics, what is left to a sample, what cannot be
"""
