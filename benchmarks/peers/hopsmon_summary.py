"""hopsmon: summarise numbers in batches, merge the summaries, judge the whole by the default window techniques.

Usage: hopsmon_summary.py CURRENT.npy REFERENCE.npy BATCH
"""

import json
import sys
import time

import numpy as np
import pyarrow as pa

from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.batch import Batch, NumericColumn, Side
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.protocols import WindowTechnique
from hopsmon.core.techniques.registry import DEFAULT_TECHNIQUES, build

current, reference, size = np.load(sys.argv[1]), np.load(sys.argv[2]), int(sys.argv[3])
names = [f"f{k}" for k in range(current.shape[1])]
schema = ModelSchema(tuple(Feature(name, FeatureType.NUMERIC) for name in names))
table = pa.table({name: reference[:, k] for k, name in enumerate(names)})
baseline = build_baseline(table, ModelRef("bench"), schema=schema)
techniques = [technique for name in DEFAULT_TECHNIQUES if isinstance(technique := build(name), WindowTechnique)]
recipe = Recipe(schema, baseline.features)


def batch_of(values: np.ndarray) -> Batch:
    """Rows as the decoders hand them on: one array a column."""
    rows = np.arange(len(values), dtype=np.int64)
    columns = {name: NumericColumn(np.ascontiguousarray(values[:, k])) for k, name in enumerate(names)}
    return Batch(Side.REQUEST, rows, rows, np.zeros_like(rows), columns)


batches = [batch_of(current[at : at + size]) for at in range(0, len(current), size)]

start = time.perf_counter()
total = Summary()
for batch in batches:
    total += Summary(requests=len(batch), instances=len(batch), features=recipe.summarise(batch))
summarised = time.perf_counter()
findings = [finding for technique in techniques for finding in technique.judge(total, baseline)]
judged = time.perf_counter()

counts = total.features["f0"].get(Counts)
print(
    json.dumps(
        {
            "seconds": {"summarise": summarised - start, "judge": judged - start},
            "rows": 0 if counts is None else counts.rows,
            "findings": len(findings),
        }
    )
)
