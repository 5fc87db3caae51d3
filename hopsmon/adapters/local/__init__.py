"""The local store: the result tables as Delta tables in a folder, written by delta-rs."""
