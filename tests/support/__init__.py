"""Things several tests share: events to send, monitors to run, a store in memory."""
