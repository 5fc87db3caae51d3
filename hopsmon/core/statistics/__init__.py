"""Mergeable statistics, one file each; a statistic is a frozen value with an empty value, + and bytes."""
