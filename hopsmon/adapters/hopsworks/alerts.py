"""Alerts to a receiver of the project: e-mail, Slack, PagerDuty or a webhook, whatever was set up there."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Final

from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking, missing
from hopsmon.core.alert_text import iso
from hopsmon.core.alerting import Alert, AlertState

_GLOBAL: Final = "global-receiver__"  # what the names of receivers of the whole cluster begin with
_RESOLVED: Final = "info"  # severity of the news that an alert is over
_LASTS: Final = timedelta(hours=1)


class ReceiverChannel:
    """A channel that triggers alerts by hand, as the client calls it.

    To Hopsworks' Alertmanager, alerts with the same labels are one alert, which it tells once. So each change of an
    alert has a label of its own, and the same change sent twice is told once.
    """

    def __init__(self, connection: Connection, receiver: str, generator_url: str | None = None) -> None:
        """A channel to a receiver that exists.

        Args:
            receiver: its name, with or without the project's before it.
            generator_url: where a reader of the alert finds what sent it.

        Raises:
            ConfigError: there is no such receiver.
        """
        self._connection = connection
        self._receiver = _full_name(connection, receiver)
        self.generator_url = generator_url

    @property
    def name(self) -> str:
        """Of whichever spelling the configuration has, so that what is not sent yet is found again."""
        return f"hopsworks:{_short(self._connection, self._receiver)}"

    def send(self, alert: Alert) -> None:
        """Trigger it. The first of a severity and state makes a route to the receiver, which may take a minute."""
        resolved = alert.state is AlertState.RESOLVED
        with asking(f"Alert '{alert.title}' to receiver '{self._receiver}'"):
            self._connection.project.get_alerts_api().trigger_alert(
                receiver_name=self._receiver,
                title=alert.title,
                summary=alert.body.partition("\n")[0],
                description=alert.body,
                severity=_RESOLVED if resolved else str(alert.severity),
                status=f"hopsmon_{alert.state}",
                name=f"{alert.monitor} {alert.alert_id} {iso(alert.changed_at)}",
                generator_url=self.generator_url,
                expire_after_sec=int(lasting(datetime.now(timezone.utc).astimezone()).total_seconds()),
            )


def lasting(now: datetime) -> timedelta:
    """How long an alert must last to last an hour: its end is local time without a zone, and read as UTC.

    >>> lasting(datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=-5))))
    datetime.timedelta(seconds=21600)
    """
    behind_utc = -(now.utcoffset() or timedelta(0))
    return _LASTS + max(behind_utc, timedelta(0))


def job_url(connection: Connection, job: str) -> str | None:
    """The page of a job; None where there is no such job."""
    with asking(f"Job '{job}'"):
        found = connection.project.get_job_api().get_job(job)
        return None if found is None else str(found.get_url())


def _full_name(connection: Connection, wanted: str) -> str:
    with asking("The project's receivers of alerts"):
        receivers: list[Any] = connection.project.get_alerts_api().get_alert_receivers()
    names = [str(receiver.name) for receiver in receivers]
    for name in (wanted, f"{connection.name}__{wanted}", f"{_GLOBAL}{wanted}"):
        if name in names:
            return name
    next_step = "Make one under Project settings, Alerts, or with alerts_api.create_alert_receiver(...)."
    raise missing("alert receiver", wanted, [_short(connection, name) for name in names], next_step)


def _short(connection: Connection, name: str) -> str:
    return name.removeprefix(f"{connection.name}__")
