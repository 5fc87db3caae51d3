"""Hopsworks job: keeps the result tables quick and small.

All of it is in hopsmon.jobs.maintain; this file is what the job's appPath points to.
"""

import sys

from hopsmon.jobs.maintain import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
