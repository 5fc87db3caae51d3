"""Error codes: how Hopsworks refuses a request; its client tells what is missing from what failed by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ErrorCode:
    """One way to be refused: HTTP status, Hopsworks' number, words."""

    status: int
    number: int
    message: str

    def because(self, detail: str) -> Refused:
        """The exception to raise, with what is wrong in this case."""
        return Refused(self, detail)


class Refused(Exception):
    """A request that Hopsworks answers with an error."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(f"{code.message} ({detail})")
        self.code = code
        self.detail = detail

    @property
    def body(self) -> dict[str, Any]:
        """The reply's body."""
        return {"errorCode": self.code.number, "errorMsg": self.code.message, "usrMsg": self.detail}


INCOMPLETE_REQUEST = ErrorCode(400, 120007, "Some parameters were not provided or not in the required format.")
VARIABLE_NOT_FOUND = ErrorCode(404, 100046, "Variable not found.")
PROJECT_NOT_FOUND = ErrorCode(404, 150004, "Project wasn't found.")
TOKEN_INVALID = ErrorCode(401, 200003, "Unauthorized invocation.")
API_KEY_NOT_FOUND = ErrorCode(401, 320002, "Api key not found.")
UNAVAILABLE = ErrorCode(503, 120011, "The service is temporarily unavailable.")

FEATURE_STORE_NOT_FOUND = ErrorCode(404, 270008, "Featurestore wasn't found.")
FEATURE_GROUP_NOT_FOUND = ErrorCode(404, 270009, "Featuregroup wasn't found.")
FEATURE_GROUP_EXISTS = ErrorCode(400, 270089, "The feature group already exists.")
ILLEGAL_ENTITY_NAME = ErrorCode(400, 270091, "Illegal feature store entity name.")
ILLEGAL_FEATURE_NAME = ErrorCode(400, 270040, "Illegal feature name.")
ILLEGAL_FEATURE_GROUP_UPDATE = ErrorCode(400, 270114, "Illegal feature group update.")
PRIMARY_KEY_REQUIRED = ErrorCode(400, 270121, "Hudi needs a primary key.")
COMMIT_NOT_FOUND = ErrorCode(400, 270227, "Feature group commit not found.")
CONNECTOR_NOT_FOUND = ErrorCode(404, 270042, "Connector not found.")
STATISTICS_NOT_FOUND = ErrorCode(404, 270228, "Statistics wasn't found.")
INVALID_STATISTICS_WINDOW = ErrorCode(400, 270229, "Window times provided are invalid.")
