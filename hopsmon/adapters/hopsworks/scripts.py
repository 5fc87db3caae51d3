"""Scripts: what a Spark job's appPath points to, one a job: a file of a few lines that calls the package."""

from __future__ import annotations

from collections.abc import Mapping

from hopsmon.errors import UnknownNameError

JOBS: Mapping[str, str] = {
    "stream": "watches a model by its inference log, once over what is new, or until it is stopped.",
    "baseline": "builds a monitor's baseline anew.",
    "backfill": "judges the windows of a past span again.",
    "maintain": "keeps the result tables quick and small.",
}
_TEXT = '''"""Hopsworks job: {does}

All of it is in hopsmon.jobs.{job}; this file is what the job's appPath points to.
"""

import sys

from hopsmon.jobs.{job} import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
'''


def script_name(job: str) -> str:
    """The name of a job's file."""
    return f"hopsmon_{job}.py"


def script(job: str) -> str:
    """The text of a job's file.

    Raises:
        UnknownNameError: there is no such job.
    """
    if job not in JOBS:
        raise UnknownNameError("job", job, list(JOBS))
    return _TEXT.format(job=job, does=JOBS[job])
