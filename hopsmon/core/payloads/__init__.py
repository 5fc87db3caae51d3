"""Wire formats, one file each: message bytes in, instances and rejects out."""

from hopsmon.core.payloads.bind import bind
from hopsmon.core.payloads.decode import decode
from hopsmon.core.payloads.decoded import (
    Attribute,
    Decoded,
    Limits,
    Matrix,
    Named,
    RawInstances,
    Reject,
    RejectReason,
    Rows,
    SkipReason,
)
from hopsmon.core.payloads.feature_log import FeatureLog, FeatureLogRows
from hopsmon.core.payloads.formats import OpenMessages

__all__ = [
    "Attribute",
    "Decoded",
    "FeatureLog",
    "FeatureLogRows",
    "Limits",
    "Matrix",
    "Named",
    "OpenMessages",
    "RawInstances",
    "Reject",
    "RejectReason",
    "Rows",
    "SkipReason",
    "bind",
    "decode",
]
