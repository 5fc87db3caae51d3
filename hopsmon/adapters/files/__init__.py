"""A folder of JSON lines, one CloudEvent a line, streamed by Spark."""
