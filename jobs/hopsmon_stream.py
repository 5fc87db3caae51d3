"""Hopsworks job: watches a model by its inference log, once over what is new, or until it is stopped.

All of it is in hopsmon.jobs.stream; this file is what the job's appPath points to.
"""

import sys

from hopsmon.jobs.stream import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
