"""What holds in an environment of tools/extras.py is asked there alone; a development environment has everything."""

import os

collect_ignore = [] if "HOPSMON_ENVIRONMENT" in os.environ else ["test_alone.py"]
