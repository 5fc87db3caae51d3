"""Values and arithmetic: decoding, statistics, baselines, techniques, findings.

No Spark, no files, no network, no clock, no environment. Code here takes bytes, numpy arrays and Arrow batches
and returns values. If it needs anything else it belongs into `hopsmon.streaming` or `hopsmon.adapters`.
"""
