"""Says in the log that hopsmon failed on messages: one warning a micro-batch; the table of rejects names each."""

from __future__ import annotations

import logging

import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.payloads import RejectReason

log = logging.getLogger("hopsmon.run")


def tell_defects(rejects: pa.Table) -> None:
    """Warn of the messages among a micro-batch's rejects on which hopsmon failed; several monitors may share one."""
    found = rejects.filter(pc.equal(rejects["reason"], str(RejectReason.DEFECT)))
    places = found.select(["topic", "partition", "offset"]).group_by(["topic", "partition", "offset"]).aggregate([])
    if not places.num_rows:
        return
    first = found.slice(0, 1).to_pylist()[0]
    log.warning(
        "%d message(s) of this micro-batch are rejects, as hopsmon failed on them (hopsmon_rejects, reason '%s'); "
        "all others were read. The first: %s/%s/%s: %s",
        places.num_rows,
        RejectReason.DEFECT,
        first["topic"],
        first["partition"],
        first["offset"],
        first["message"],
    )
