"""whylogs: profile numbers in batches, with its default schema. Runs in its own environment: imports nothing of ours.

Usage: whylogs_profile.py CURRENT.npy REFERENCE.npy BATCH
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from whylogs.core import DatasetProfile

current, batch = np.load(sys.argv[1]), int(sys.argv[3])
names = [f"f{k}" for k in range(current.shape[1])]
frames = [pd.DataFrame(current[at : at + batch], columns=names) for at in range(0, len(current), batch)]

start = time.perf_counter()
profile = DatasetProfile()
for frame in frames:
    profile.track(frame)
seconds = time.perf_counter() - start

counted = profile.view().get_column("f0").get_metric("counts").n.value
print(json.dumps({"seconds": {"profile": seconds}, "rows": int(counted)}))
