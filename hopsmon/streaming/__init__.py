"""The Spark engine: log in, result tables out. Start reading at `flow.py`.

Knows Spark and the core. Knows no broker, no vendor and no configuration file: what it needs from outside stands in
`ports.py`, and `hopsmon.wiring` brings it.
"""
