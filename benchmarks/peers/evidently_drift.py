"""Evidently: the drift report of a whole frame, which it is fastest at. Own environment: imports nothing of ours.

Usage: evidently_drift.py CURRENT.npy REFERENCE.npy BATCH     (BATCH is not used: reports cannot be merged)
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

current, reference = np.load(sys.argv[1]), np.load(sys.argv[2])
names = [f"f{k}" for k in range(current.shape[1])]
frame, reference_frame = pd.DataFrame(current, columns=names), pd.DataFrame(reference, columns=names)

start = time.perf_counter()
snapshot = Report([DataDriftPreset()]).run(frame, reference_frame)
found = snapshot.dict()  # the metrics are computed lazily: this asks for all of them
seconds = time.perf_counter() - start

judged = sum("ValueDrift" in str(metric["metric_name"]) for metric in found["metrics"])
print(json.dumps({"seconds": {"report": seconds}, "rows": len(frame), "features": judged}))
