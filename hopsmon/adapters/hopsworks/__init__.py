"""Hopsworks: baselines from the feature store, the logs of deployments and feature views, results as feature groups."""
