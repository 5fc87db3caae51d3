"""The row type of every result table: grain, key, columns, and what each column means.

Times are microseconds, UTC. The first columns are always `monitor, model_name, model_version, slice`.
`slice` is "" for all traffic, else "feature=value". `model_version` is "" where the monitor names none.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
_WHO = (
    ("monitor", pa.string(), "name of the monitor"),
    ("model_name", pa.string(), "name of the model"),
    ("model_version", pa.string(), "version of the model; empty where the monitor names none"),
    ("slice", pa.string(), "segment of the traffic as feature=value; empty for all of it"),
)
_WINDOW = (
    ("window_start", TIME, "start of the window (event time, inclusive)"),
    ("window_end", TIME, "end of the window (event time, exclusive)"),
)
PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One result table.

    Attributes:
        grain: what one row is.
        key: the columns that name a row; a second write of the same key replaces the first.
        event_time: the column that orders rows in time.
        columns: name, type and meaning of every column, in order.
        hidden: columns that are for hopsmon itself, and large.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    event_time: str
    columns: tuple[tuple[str, pa.DataType, str], ...]
    hidden: tuple[str, ...] = ()

    @property
    def growing(self) -> str | None:
        """The key's column that grows with time, by whose span most files are left out; None: rows are replaced."""
        return next((name for name in ("window_start", "offset", "changed_at") if name in self.key), None)

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns that people may want to see."""
        return tuple(name for name, _, _ in self.columns if name not in self.hidden)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema; each field carries its meaning as metadata `comment`."""
        return pa.schema([pa.field(name, kind, metadata={"comment": text}) for name, kind, text in self.columns])

    def table(self, rows: list[dict[str, object]]) -> pa.Table:
        """Rows as Arrow in the table's types; a key that is missing in a row becomes null."""
        return pa.Table.from_pylist(rows, schema=self.schema)


_KEY = ("monitor", "model_name", "model_version", "slice")

WINDOWS = TableSpec(
    "hopsmon_windows",
    "one row per closed window",
    (*_KEY, "window_start", "window_end"),
    "window_end",
    (
        *_WHO,
        *_WINDOW,
        ("requests", pa.int64(), "request messages in the window"),
        ("responses", pa.int64(), "response messages in the window"),
        ("instances", pa.int64(), "instances (rows to predict) in those requests"),
        ("predictions", pa.int64(), "predictions in those responses"),
        (
            "rejected",
            pa.int64(),
            "messages that could not be read, but told their event time (hopsmon_rejects has all)",
        ),
        ("late", pa.int64(), "instances and predictions that came after the window closed; in no statistic"),
        ("unpaired", pa.int64(), "difference of requests and responses; null where the log has one side only"),
        ("first_event", TIME, "earliest event time seen in the window"),
        ("last_event", TIME, "latest event time seen in the window"),
        ("closed_at", TIME, "wall clock when the window was judged"),
        ("status", pa.string(), "ok, insufficient (too few instances to judge) or partial (only late rows seen)"),
        ("revision", pa.int32(), "0 when first written; one more each time late rows were added to `late`"),
        (
            "outliers",
            pa.int64(),
            "flagged (instance, technique) pairs, all of them; null in slices, and in rows of hopsmon 0.1",
        ),
        (
            "outliers_left_out",
            pa.int64(),
            "how many of those hopsmon_outliers does not hold, as the window had more than limits.max_outliers",
        ),
    ),
)

STATISTICS = TableSpec(
    "hopsmon_statistics",
    "one row per window and feature",
    (*_KEY, "window_start", "window_end", "feature"),
    "window_end",
    (
        *_WHO,
        *_WINDOW,
        ("feature", pa.string(), "name of the feature or prediction"),
        ("feature_type", pa.string(), "numeric, integer, timestamp, boolean, categorical or string"),
        ("count", pa.int64(), "values in the window, whatever they are"),
        ("nulls", pa.int64(), "values that are null or missing"),
        ("invalid", pa.int64(), "values of a wrong type, and numbers that are NaN or infinite"),
        ("mean", pa.float64(), "mean of the finite numbers"),
        ("stddev", pa.float64(), "sample standard deviation of the finite numbers"),
        ("min", pa.float64(), "smallest finite number"),
        ("max", pa.float64(), "largest finite number"),
        *((f"p{p:02d}", pa.float64(), f"{p} % quantile (KLL sketch)") for p in PERCENTILES),
        ("distinct_approx", pa.int64(), "estimated number of distinct values (HyperLogLog)"),
        ("histogram", pa.string(), "JSON: edges, counts, underflow, overflow; or counts by label, unseen, untracked"),
        (
            "summary",
            pa.binary(),
            "for hopsmon itself: the statistics, sketches included, as a new baseline is made of; null in slices",
        ),
    ),
    hidden=("summary",),
)

DRIFT = TableSpec(
    "hopsmon_drift",
    "one row per window, feature and technique",
    (*_KEY, "window_start", "window_end", "feature", "technique"),
    "window_end",
    (
        *_WHO,
        *_WINDOW,
        ("feature", pa.string(), "name of the feature or prediction; empty for the whole model"),
        ("technique", pa.string(), "registered name of the technique"),
        ("score", pa.float64(), "the technique's measure; null where it could not be computed"),
        ("threshold", pa.float64(), "what the score was judged against"),
        ("p_value", pa.float64(), "probability of such a score without drift"),
        ("p_adjusted", pa.float64(), "p-value after correction for many features"),
        ("is_drift", pa.bool_(), "the verdict"),
        ("severity", pa.string(), "none, warning or critical"),
        ("n", pa.int64(), "values in the window the score rests on"),
        ("reason", pa.string(), "machine-readable reason of the verdict"),
        ("baseline_id", pa.string(), "content hash of the baseline compared with"),
        ("details", pa.string(), "JSON: bounds, effect sizes, the bins that moved most"),
    ),
)

OUTLIERS = TableSpec(
    "hopsmon_outliers",
    "one row per flagged instance and technique",
    (
        "monitor",
        "model_name",
        "model_version",
        "slice",
        "event_id",
        "instance",
        "technique",
        "topic",
        "partition",
        "offset",
    ),
    "event_time",
    (
        *_WHO,
        ("event_id", pa.string(), "id of the inference event; topic/partition/offset where it has none"),
        ("instance", pa.int64(), "number of the instance in its request, from 0"),
        ("technique", pa.string(), "registered name of the technique"),
        ("event_time", TIME, "event time of the request"),
        ("score", pa.float64(), "the technique's score"),
        ("threshold", pa.float64(), "what the score was judged against"),
        ("p_value", pa.float64(), "conformal p-value, where the technique has one"),
        ("top_features", pa.string(), "JSON: the features that drove it, with their share"),
        ("values", pa.string(), "JSON: the instance's values by feature"),
        ("detected_at", TIME, "wall clock when it was found"),
        ("topic", pa.string(), "topic (or folder) of the message"),
        ("partition", pa.int32(), "partition of the message"),
        ("offset", pa.int64(), "offset of the message"),
    ),
)

REJECTS = TableSpec(
    "hopsmon_rejects",
    "one row per message that could not be read",
    ("monitor", "topic", "partition", "offset"),
    "event_time",
    (
        *_WHO,
        ("topic", pa.string(), "topic (or folder) of the message"),
        ("partition", pa.int32(), "partition of the message"),
        ("offset", pa.int64(), "offset of the message"),
        ("event_time", TIME, "event time where it could be read, else arrival time"),
        ("reason", pa.string(), "reason code"),
        ("message", pa.string(), "what was seen and what was expected"),
        ("payload", pa.binary(), "the first 4 KiB of the message"),
    ),
)

STATES = TableSpec(
    "hopsmon_states",
    "one row per slice, technique and slot: what sequence techniques keep after the newest windows, to go on from",
    (*_KEY, "technique", "slot"),
    "window_end",
    (
        *_WHO,
        (
            "technique",
            pa.string(),
            "registered name of the technique; name#correction of its correction over time; #alert of the open alert",
        ),
        ("slot", pa.int32(), "0 or 1: each micro-batch replaces the older of two, so that it can be done again"),
        *_WINDOW,
        ("baseline_id", pa.string(), "content hash of the baseline compared with; with another one it starts afresh"),
        ("settings", pa.string(), "hash of the technique's parameters and the window's size, likewise"),
        ("state", pa.binary(), "what the technique keeps after that window"),
    ),
)

ALERTS = TableSpec(
    "hopsmon_alerts",
    "one row per alert and state change",
    ("monitor", "alert_id", "changed_at"),
    "changed_at",
    (
        *_WHO,
        (
            "alert_id",
            pa.string(),
            "id of the alert, the same for all its changes and whenever its windows are judged again",
        ),
        ("changed_at", TIME, "end of the window that fired, changed or resolved it"),
        ("state", pa.string(), "firing or resolved"),
        ("severity", pa.string(), "warning or critical, the highest so far"),
        ("title", pa.string(), "one line"),
        ("body", pa.string(), "what was found, for a person"),
        *_WINDOW,
        ("findings", pa.string(), "JSON: the findings behind it, the worst first"),
        (
            "channels",
            pa.string(),
            "JSON: by channel, whether it was sent (waiting, sent, failed or left_out), when, why not",
        ),
    ),
)

TABLES: dict[str, TableSpec] = {
    spec.name: spec for spec in (WINDOWS, STATISTICS, DRIFT, OUTLIERS, REJECTS, STATES, ALERTS)
}
