"""The same data give the same findings in every process: nothing rests on chance, string hashes or sketches."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import hashlib, json
import numpy as np, pandas as pd
import hopsmon
from hopsmon.core.techniques.registry import BUILT_IN
rng = np.random.default_rng(4)
def frame(rows, shift):
    return pd.DataFrame({
        "x": rng.normal(shift, 1, rows), "skewed": rng.lognormal(size=rows), "whole": rng.integers(0, 60, rows),
        "label": rng.choice(["a", "b", "c"], rows), "flag": rng.random(rows) < 0.3,
    })
reference, current = frame(3_000, 0.0), frame(600, 0.3)
names = [{name: {"features": ["flag"]}} if name in ("ddm", "hddm") else name for name in BUILT_IN]
result = hopsmon.compare(reference, current, techniques=names)
lines = [json.dumps([row["feature"], row["technique"], row["score"], row["p_value"], row["is_drift"]])
         for row in result.to_pandas().to_dict("records")]
print("\\n".join(lines))
print(hashlib.sha256(result.outliers.to_csv(index=False).encode()).hexdigest())
"""


def test_every_technique_gives_the_same_in_every_process() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    first, second = (output.splitlines() for output in outputs)
    assert len(first) > 60
    assert [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]] == []
