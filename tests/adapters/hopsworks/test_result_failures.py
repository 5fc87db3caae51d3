"""What fails behind a result table, in our words: what passes, what does not, and what is a defect."""

from __future__ import annotations

import pytest
import requests
from deltalake.exceptions import CommitFailedError, DeltaError
from hopsworks.client.exceptions import FeatureStoreException

from hopsmon.adapters.hopsworks.result_failures import Conflict, using
from hopsmon.errors import ConfigError, HopsmonError, OutsideError, TransientError

HDFS_AWAY = "An error occurred: java.net.ConnectException: Call From driver to namenode:8020 failed\n\tat org.apache"


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (requests.ConnectionError("refused"), TransientError, "Hopsworks does not answer"),
        (FeatureStoreException(requests.ConnectionError("refused")), TransientError, "Hopsworks does not answer"),
        (FeatureStoreException(OSError(HDFS_AWAY)), TransientError, "the storage does not answer: An error occurred"),
        (FeatureStoreException("[DELTA_CONCURRENT_APPEND] …"), Conflict, "another writer was faster"),
        (CommitFailedError("version 7 is there"), Conflict, "another writer was faster"),
        (FeatureStoreException("has the wrong type."), OutsideError, "the wrong type"),
        (DeltaError("not a table"), OutsideError, "DeltaError: not a table"),
        (PermissionError(13, "Permission denied"), OutsideError, "Permission denied"),
        (ImportError("No module named 'deltalake'"), ConfigError, r"pip install 'hopsmon\[hopsworks\]'"),
        (OutsideError("as it was"), OutsideError, "^as it was"),
    ],
)
def test_failures_of_the_outside(error: Exception, kind: type[HopsmonError], text: str) -> None:
    with pytest.raises(kind, match=text) as raised, using("Feature group 'hopsmon_drift'"):
        raise error
    assert type(raised.value) is kind
    assert "\tat" not in str(raised.value)


def test_a_defect_stays_what_it_is() -> None:
    with pytest.raises(KeyError), using("Feature group 'hopsmon_drift'"):
        raise KeyError("late")
