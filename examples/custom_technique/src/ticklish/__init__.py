"""Finds numbers that were typed by hand: too many of them are round. An example of a package that extends hopsmon."""
