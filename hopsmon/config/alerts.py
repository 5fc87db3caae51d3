"""The `alerts` section: when findings are an alert, and who is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from hopsmon.config.values import Duration, Section, check_one_of
from hopsmon.core.alerting import AlertRules
from hopsmon.core.finding import Severity
from hopsmon.errors import ConfigError


class HopsworksChannelConfig(Section):
    """A receiver of alerts in a Hopsworks project: e-mail, Slack, PagerDuty or a webhook, as it was set up there."""

    receiver: Annotated[str, Field(min_length=1)]
    """Name of the receiver, with or without the project before it. Required; it must exist (Project settings,
    Alerts)."""


class ChannelConfig(Section):
    """Where alerts are sent: exactly one of these."""

    hopsworks: HopsworksChannelConfig | None = None
    """A receiver of the Hopsworks project that `hopsworks` names. Default: not used."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        check_one_of(self, "hopsworks")
        return self


def _each_once(channels: tuple[ChannelConfig, ...]) -> tuple[ChannelConfig, ...]:
    names = [channel.hopsworks.receiver for channel in channels if channel.hopsworks is not None]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"Each receiver at most once; these stand twice: {', '.join(twice)}.")
    return channels


Channels: TypeAlias = Annotated[tuple[ChannelConfig, ...], AfterValidator(_each_once)]


class AlertsConfig(Section):
    """When findings are an alert, and who is told. Alerts are always written to hopsmon_alerts."""

    channels: Channels = ()
    """Who is told. Default: nobody; alerts are then only written."""

    min_severity: Literal["warning", "critical"] = "warning"
    """Findings below it are no alert. Default: warning, every finding of drift."""

    resolve_after: Annotated[int, Field(ge=1)] = 3
    """So many windows without drift, one after another, end an alert; windows that could not be judged do not count.
    Default: 3: a drift at the edge of a threshold is then one alert, not many."""

    widen_after: Annotated[int, Field(ge=0)] = 3
    """Features that drift in addition while an alert is on are told together, when its last message is so many windows
    old. Default: 3; 0: never."""

    max_age: Duration = timedelta(days=2)
    """An alert whose window ended longer ago is written but not sent, nor is one that no channel took for so long.
    Default: 2d: reading a log again from its beginning wakes nobody."""

    def rules(self) -> AlertRules:
        """When there is an alert, as the engine has it."""
        return AlertRules(Severity(self.min_severity), self.resolve_after, self.widen_after)
