"""Kafka: the log source, a topic check, and a local broker for demo and tests."""
