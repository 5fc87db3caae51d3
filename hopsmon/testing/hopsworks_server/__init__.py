"""Hopsworks server: a test double that Hopsworks' own Python client logs in to, with nothing of the client mocked.

    with HopsworksServer(tmp_path) as server:
        project = server.login(engine="python")
        server.seed.feature_group("iris", {"id": "bigint", "length": "double"}, primary_key=["id"])
        group = project.get_feature_store().get_feature_group("iris", version=1)
        ...
        assert server.requests[-1].path.endswith("/commits")

It answers what hopsmon's use of the client asks for, and remembers it. What it does not know it answers with 501, and
leaving the context then raises AssertionError with method and path. Clients of 5.1 and 5.2 work with it, as in a job
of the cluster (`tls=False`) and from outside (`tls=True`). It needs the client: `hopsmon[hopsworks]`.

Where it differs from a cluster:

- There is one project with one user, who may do everything: no roles, scopes, quotas or sharing. Any value fits any
  tag schema.
- What takes a cluster a while is done at once: executions (unless `job_runner` says otherwise), environments,
  libraries (nothing is installed), deployments (nothing answers), routes of alerts (nobody is told), online ingestion
  (nobody counts).
- Jobs by which Hopsworks does its own work (materialization, statistics, training data, native monitoring) do
  nothing.
- Schedules are kept and never fire by themselves; `server.fire` fires them.
- HopsFS and the warehouse are folders, so locations begin with file://, and the connector of training datasets has no
  path.
- Topics are entries of a list; the broker, where there is one, has its own. The Kafka connector is one of an external
  broker without TLS; with `kafka_tls` it is the cluster's own, and the project's certificates (elliptic curves, valid
  for 30 days) serve.
- No query service, online store, Hive metastore, Elasticsearch or Superset: the client's Python engine cannot read
  feature groups (its Spark engine "spark-delta" can), and prepared statements are none. Feature groups are Delta
  tables or only metadata: external feature groups and spines are not known.
- Queries join by keys alone, not by points in time.
- The feature log's feature group has no columns for transformed features.
- Codes and statuses of errors are those that the client knows and that Hopsworks' public sources have; the words are
  ours.
- Inside the cluster the client keeps PEM files under fixed names in /tmp: of several servers on one machine, the
  first's authority is the one that `get_kafka_api().get_default_config()` names. Its Kafka connector has files of its
  own.
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
