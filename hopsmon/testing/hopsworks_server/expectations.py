"""Great Expectations: suites attached to feature groups."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.feature_groups import GROUP, feature_group
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection

routes = Routes(GROUP)


@routes.get("/expectationsuite")
def suite(call: Call) -> Reply:
    """A feature group without a suite has an empty collection, not a 404."""
    return call.state.suites.get(feature_group(call)["id"]) or collection(call, [])
