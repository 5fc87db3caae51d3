"""Feature groups' tables by delta-rs, where there is no Spark; as the client's Python engine does it, but for times.

That engine writes times without a zone. Where it has written, the client's Spark engine cannot, nor the other way
round. Here they have one, so that a monitor may begin in a notebook and go on as a Spark job.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.query_service import read_by_query_service
from hopsmon.adapters.hopsworks.result_failures import Conflict
from hopsmon.adapters.hopsworks.result_rows import Where, Writer
from hopsmon.adapters.hopsworks.result_schema import another_version, table_properties
from hopsmon.errors import ConfigError, OutsideError
from hopsmon.streaming.ports import TableSize
from hopsmon.streaming.rewrites import conformed
from hopsmon.streaming.tables import TABLES

if TYPE_CHECKING:
    from deltalake import DeltaTable


class DeltaRsTables:
    """The tables by delta-rs."""

    def prepare(self, group: Any, schema: pa.Schema) -> None:
        """Give the table the columns that it lacks, and its times a zone; make it where the client did not."""
        from deltalake import Schema

        delta = self._open(group)
        if delta is None:
            self._make(group, schema)
            return
        there = pa.schema(delta.schema())
        if any(pa.types.is_timestamp(field.type) and field.type.tz is None for field in there):
            self._make_anew(group, delta, schema)
            return
        lacking = [field for field in schema if field.name not in there.names]
        if lacking:
            delta.alter.add_columns(Schema.from_arrow(pa.schema(lacking)).fields)

    def read(self, group: Any, columns: Sequence[str], where: Where) -> pa.Table:
        """By delta-rs; where that cannot reach the files, by the query service."""
        try:
            delta = self._open(group)
        except Exception as error:  # noqa: BLE001 - whatever is in delta-rs's way is not in the query service's
            return _read_otherwise(group, columns, where, error)
        if delta is None:
            return pa.table({})
        there = {field.name for field in delta.schema().fields}
        return delta.to_pyarrow_table(filters=_filters(where), columns=[name for name in columns if name in there])

    def write(self, group: Any, rows: pa.Table, writer: Writer, *, replacing: bool) -> None:
        from deltalake import CommitProperties, Transaction, write_deltalake

        delta = self._existing(group)
        rows = conformed(rows, pa.schema(delta.schema()))
        commit = CommitProperties(app_transactions=[Transaction(f"{writer.app_id}:{group.name}", writer.batch_id)])
        if replacing:
            merger = delta.merge(
                rows, _same_key(group), source_alias="source", target_alias="target", commit_properties=commit
            )
            merger.when_matched_update_all().when_not_matched_insert_all().execute()
        else:
            write_deltalake(delta, rows, mode="append", commit_properties=commit)
        self.register(group)

    def register(self, group: Any) -> None:
        location, options = private.delta_rs_place(group)
        private.register_last_commit(group, None, location, options)

    def delete(self, group: Any, keys: pa.Table) -> None:
        merger = self._existing(group).merge(keys, _same_key(group), source_alias="source", target_alias="target")
        merger.when_matched_delete().execute()
        self.register(group)
        if group.online_enabled:
            group.remove_rows(self.frame(keys), storage="online")

    def frame(self, rows: pa.Table) -> Any:
        import pandas as pd

        return rows.to_pandas(types_mapper=pd.ArrowDtype)  # whole numbers stay such where some are null

    def size(self, group: Any) -> TableSize | None:
        delta = self._open(group)
        if delta is None:
            return None
        actions = pa.table(delta.get_add_actions(flatten=True))
        rows, size = (sum(actions.column(name).to_pylist()) for name in ("num_records", "size_bytes"))
        return TableSize(rows, actions.num_rows, size, delta.version())

    def optimize(self, group: Any) -> tuple[int, int]:
        metrics = self._existing(group).optimize.compact()
        return metrics["numFilesRemoved"], metrics["numFilesAdded"]

    def vacuum(self, group: Any, hours: int, *, dry_run: bool) -> int:
        return len(self._existing(group).vacuum(hours, dry_run=dry_run, enforce_retention_duration=False))

    def _open(self, group: Any) -> DeltaTable | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        location, options = private.delta_rs_place(group)
        try:
            return DeltaTable(location, storage_options=options)
        except TableNotFoundError:
            return None

    def _existing(self, group: Any) -> DeltaTable:
        delta = self._open(group)
        if delta is None:
            raise OutsideError(f"The Delta table of feature group '{group.name}' is gone from {group.location}.")
        return delta

    def _make(self, group: Any, schema: pa.Schema) -> None:
        from deltalake import DeltaTable

        location, options = private.delta_rs_place(group)
        DeltaTable.create(
            location,
            schema,
            mode="ignore",
            partition_by=group.partition_key,
            configuration=table_properties(TABLES[group.name]),
            storage_options=options,
        )

    def _make_anew(self, group: Any, delta: DeltaTable, schema: pa.Schema) -> None:
        """What the client has just made; or once made, and was killed before this."""
        from deltalake import write_deltalake
        from deltalake.exceptions import DeltaError

        if delta.to_pyarrow_dataset().count_rows():
            raise ConfigError(
                f"Feature group '{group.name}' version {group.version} was written by the client's Python engine, with "
                f"times that have no zone; hopsmon writes them in UTC. {another_version(group)}"
            )
        try:
            write_deltalake(delta, schema.empty_table(), mode="overwrite", schema_mode="overwrite")
            delta.alter.set_table_properties(table_properties(TABLES[group.name]))
        except DeltaError as error:  # delta-rs has no name for what it says if two do this
            raise Conflict(f"Feature group '{group.name}' was made by another monitor just now: {error}") from error


def _read_otherwise(group: Any, columns: Sequence[str], where: Where, error: Exception) -> pa.Table:
    try:
        return read_by_query_service(group, columns, where)
    except Exception as other:
        raise OutsideError(
            f"Feature group '{group.name}' cannot be read: not by delta-rs ({error}), nor by Hopsworks' query service "
            f"({other}). Inside the cluster, or with engine='spark-delta', it can."
        ) from other


def _same_key(group: Any) -> str:
    return " AND ".join(f'target."{name}" = source."{name}"' for name in TABLES[group.name].key)


def _filters(where: Where) -> list[tuple[str, str, Any]] | None:
    filters: list[tuple[str, str, Any]] = []
    if where.monitors:
        filters.append(("monitor", "in", list(where.monitors)))
    if where.column is not None:
        filters += [(where.column, ">=", where.first), (where.column, "<=", where.last)]
    return filters or None
