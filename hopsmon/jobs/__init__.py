"""Jobs: the programs that Hopsworks' scheduler starts. Each is `main(arguments)`, which gives the exit code.

The files in the repository's `jobs/` only call these. An installed hopsmon lacks that folder: their text, which a
deployment uploads, stands in `adapters/hopsworks/scripts.py`.
"""
