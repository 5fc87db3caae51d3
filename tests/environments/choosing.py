"""A pytest plugin of tools/extras.py: leaves out the tests that need Spark or a broker where these cannot be had."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

# What the costly fixtures of tests/conftest.py are made of.
NEEDS = {"spark": ("pyspark",), "kafka": ("pyspark", "kafka")}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect them; pytest's closing line has their number."""
    lacking = {name for name, modules in NEEDS.items() if not all(map(find_spec, modules))}
    left_out = [item for item in items if lacking & set(getattr(item, "fixturenames", ()))]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
