"""Hopsworks job: judges the windows of a past span again.

All of it is in hopsmon.jobs.backfill; this file is what the job's appPath points to.
"""

import sys

from hopsmon.jobs.backfill import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
