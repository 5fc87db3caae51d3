"""Serving: deployments and where their models answer."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection

routes = Routes("/project/{project}")

_PORTS = ({"name": "HTTP", "number": 32080}, {"name": "HTTPS", "number": 32443})


@routes.get("/inference/endpoints")
def endpoints(call: Call) -> Reply:
    """One for clients inside the cluster, one for those outside; clients of 5.1 ask at login."""
    kinds = ("KUBE_CLUSTER", "LOAD_BALANCER")
    return collection(call, [{"type": kind, "hosts": ["127.0.0.1"], "ports": list(_PORTS)} for kind in kinds])
