"""What the tests of Hopsworks' statistics share: profiles of columns, as baselines, and single statistics changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from hopsmon.adapters.hopsworks.statistics import DescriptiveStatistics, Notice, baseline_of_statistics
from hopsmon.core.baseline import Baseline
from hopsmon.core.schema import ModelRef
from hopsmon.testing.hopsworks_profiles import Form, Profiler

MODEL = ModelRef("flight_delay", 1)
BINNED = (Form.KLL_NATIVE, Form.KLL_DEEQU, Form.PERCENTILES, Form.HISTOGRAM)
Json = dict[str, Any]


def of_profile(profile: list[Json], **settings: Any) -> tuple[Baseline, tuple[Notice, ...]]:
    """The baseline of a profile, and what became of its sources."""
    read = [DescriptiveStatistics.from_json(one) for one in profile]
    return baseline_of_statistics(read, model=MODEL, **settings)


def baseline_of(frame: Any, form: Form, **settings: Any) -> Baseline:
    """The baseline of a data frame, by way of its statistics."""
    return of_profile(Profiler(form).profile(frame), **settings)[0]


def profile_of(values: Any, form: Form = Form.KLL_NATIVE, **settings: Any) -> Json:
    """The statistics of one feature, `f`."""
    (found,) = Profiler(form, **settings).profile(pa.table({"f": values}))
    return found


def changed(profile: Json, change: Callable[[Json], Any], **fields: Any) -> Json:
    """The profile with other fields, and with other extended statistics."""
    extended = json.loads(profile.get("extendedStatistics", "{}"))
    change(extended)
    return {**profile, "extendedStatistics": json.dumps(extended), **fields}


def without(*names: str) -> Callable[[Json], None]:
    """Takes some of the extended statistics away."""

    def take(extended: Json) -> None:
        for name in names:
            extended.pop(name, None)

    return take


def told(profile: Json, **settings: Any) -> tuple[Baseline, Mapping[str, tuple[bool, str]]]:
    """The baseline of one feature, and by source whether it was used and why."""
    baseline, notices = of_profile([profile], **settings)
    return baseline, {notice.source: (notice.used, notice.text) for notice in notices}


NORMAL = np.random.default_rng(5).normal(10.0, 2.0, 6_000)
HOURS = np.random.default_rng(6).integers(5, 24, 6_000)
