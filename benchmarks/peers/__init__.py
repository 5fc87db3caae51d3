"""Programs that `benchmarks.core` runs, each in an environment of its own: numpy files in, one line of JSON out."""
