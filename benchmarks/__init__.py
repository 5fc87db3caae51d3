"""Benchmarks: one command each, comparisons in one run; `docs/benchmarks.md` says what each measures and how."""
