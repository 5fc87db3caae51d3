"""Jobs: the programs that Hopsworks' scheduler starts. Each is `main(arguments)`, which gives the exit code.

The files in the repository's `jobs/` only call these. An installed hopsmon lacks that folder: `script` has their text.
"""

from hopsmon.jobs.scripts import JOBS, script, script_name

__all__ = ["JOBS", "script", "script_name"]
