"""Maintenance: the job that keeps a project's result tables quick and small, one for all its monitors."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hopsmon.adapters.hopsworks.scripts import script_name
from hopsmon.config import parse_duration
from hopsmon.errors import ConfigError
from hopsmon.streaming.ports import Home
from hopsmon.wiring.deployment import MAINTENANCE, crontab

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.deploying import Deployed

_SCRIPT = "maintain"
_OWN_PROJECT = "hopsworks:"
_DAY = timedelta(days=1)


def deploy_maintenance(home: Home, schedule: str, keep: timedelta | str | None) -> Deployed:
    """Make the project's maintenance job what it shall be; see `Store.deploy_maintenance`.

    Raises:
        ConfigError: schedule or time are wrong, the home is a folder, or the job's name is taken.
        OutsideError: Hopsworks cannot be reached, or an environment could not be built.
    """
    from hopsmon.adapters.hopsworks.deploying import JobSpec, deploy
    from hopsmon.adapters.hopsworks.home import ProjectHome
    from hopsmon.adapters.hopsworks.jobs import ProjectJobs

    arguments = f"--store {_OWN_PROJECT}"
    if keep is not None:
        arguments += f" --keep-days {parse_duration(keep) / _DAY:g}"
    if not isinstance(home, ProjectHome):
        raise ConfigError(
            f"The store {home.place} is a folder, and nobody runs jobs there. Let cron run it, by this line of "
            f"crontab:\n  {crontab(f'hopsmon optimize --store {home.place}', schedule)}"
        )
    there = ProjectJobs(home.connection).config(MAINTENANCE)
    if there is not None and not str(there.get("appPath")).endswith(f"/{script_name(_SCRIPT)}"):
        raise ConfigError(
            f"The project has a job '{MAINTENANCE}' that is not hopsmon's (it runs {there.get('appPath')}). Delete or "
            "rename that job."
        )
    return deploy(home.connection, JobSpec(MAINTENANCE, _SCRIPT, arguments, schedule=schedule))
