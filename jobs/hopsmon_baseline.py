"""Hopsworks job: builds a monitor's baseline anew.

All of it is in hopsmon.jobs.baseline; this file is what the job's appPath points to.
"""

import sys

from hopsmon.jobs.baseline import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
