"""Hopsworks server: a test double that Hopsworks' own Python client logs in to, with nothing of the client mocked.

    with HopsworksServer(tmp_path) as server:
        project = server.login(engine="python")
        ...
        assert server.requests[-1].path.endswith("/commits")

It answers what the client asks for on behalf of hopsmon, and remembers it. A request that it does not know is answered
with 501, and leaving the context raises AssertionError with its method and path. Needs the `hopsworks` client
(`hopsmon[hopsworks]`).
"""

from hopsmon.testing.hopsworks_server.application import Request
from hopsmon.testing.hopsworks_server.runners import JobRunner, Run, Running, RunsScript, fails, finishes, stays
from hopsmon.testing.hopsworks_server.server import HopsworksServer

__all__ = [
    "HopsworksServer",
    "JobRunner",
    "Request",
    "Run",
    "Running",
    "RunsScript",
    "fails",
    "finishes",
    "stays",
]
