"""The `store` and `limits` sections: where results live, and bounds for what is odd."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, model_validator
from typing_extensions import Self

from hopsmon.config.hopsworks import HopsworksStoreConfig
from hopsmon.config.values import Duration, Place, Section, check_one_of

DEFAULT_PATH = "./monitoring"


class StoreConfig(Section):
    """Where results, checkpoints and saved monitors live: exactly one of path and hopsworks."""

    path: Place | None = None
    """A folder of Delta tables; relative to the configuration file. Default: ./monitoring."""

    hopsworks: HopsworksStoreConfig | None = None
    """Feature groups of a Hopsworks project; {} for the defaults. Default: not used."""

    @model_validator(mode="before")
    @classmethod
    def _a_folder_by_default(cls, data: Any) -> Any:
        """Validate the default folder like a written one, so that it is relative to the file as well."""
        unused = isinstance(data, Mapping) and data.get("path") is None and data.get("hopsworks") is None
        return {**data, "path": DEFAULT_PATH} if unused else data

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        check_one_of(self, "path", "hopsworks")
        return self


class LimitsConfig(Section):
    """Bounds that keep one odd message, feature or clock from hurting the rest."""

    min_instances: Annotated[int, Field(ge=0)] = 30
    """A window with fewer is marked "insufficient". Default: 30 instances; techniques have minimums of their own."""

    max_slices: Annotated[int, Field(gt=0)] = 100
    """Most values of a sliced feature that get windows of their own; the rest share "feature=(other)". Default: 100,
    because each value costs state and result rows."""

    max_clock_ahead: Duration = timedelta(minutes=5)
    """An event further ahead of its arrival than this is rejected. Default: 5m: one bad clock must close none."""

    shards: Annotated[int, Field(gt=0)] = 1
    """Over how many state keys the slices are spread. Default: 1; more only with thousands of slices."""

    max_outliers: Annotated[int, Field(ge=0)] = 1_000
    """Most outlier rows a window; the rest is counted in hopsmon_windows. Default: 1,000, more than anybody reads, and
    few enough that a broken feature does not fill the store."""

    technique_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0
    """How long a technique of another package may take for one window (with the first it also judges the baseline's
    own windows), or for one batch of instances; then it is suspended until the next start, and a finding says so.
    Default: 30.0 seconds."""
