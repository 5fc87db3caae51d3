"""The `expectations` section: which suite of Great Expectations the instances are held to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from hopsmon.config.hopsworks import Entity, Version
from hopsmon.config.values import Place, Section, check_one_of


class SuiteOfFeatureGroupConfig(Section):
    """The suite that is attached to a Hopsworks feature group."""

    name: Entity
    """Name of the feature group. Required."""

    version: Version = 1
    """Its version. Default: 1."""


class ExpectationsConfig(Section):
    """A suite: exactly one of file, feature_group and saved. Read at every start."""

    file: Place | None = None
    """A suite as Great Expectations (1.x or 0.18) or Hopsworks writes it, JSON; relative to the configuration file.
    Default: not used. `hopsmon expectations propose` writes one."""

    feature_group: SuiteOfFeatureGroupConfig | None = None
    """The suite of a Hopsworks feature group, usually the one that the baseline is of. Default: not used."""

    saved: Literal[True] | None = None
    """Whether the monitor's store keeps the suite, as it does in a project, where a suite from a file would be out of a
    job's reach. Default: not used; saving the monitor there writes it."""

    columns: dict[str, str] = Field(default_factory=dict)
    """The model's feature for a column of the suite, {column: feature}, where they differ in more than case and spaces,
    as with a feature view's prefix. Default: none."""

    modules: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*$")], ...] = ()
    """Python modules that define expectations of your own; they must be installed where the monitor runs.
    Default: none."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        check_one_of(self, "file", "feature_group", "saved")
        return self
