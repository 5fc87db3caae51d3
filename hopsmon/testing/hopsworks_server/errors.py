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
SUBJECT_NOT_FOUND = ErrorCode(404, 40401, "Subject not found.")  # the schema registry's numbers
SCHEMA_VERSION_NOT_FOUND = ErrorCode(404, 40402, "Version not found.")
SCHEMA_INVALID = ErrorCode(422, 42201, "Invalid Avro schema.")
VARIABLE_NOT_FOUND = ErrorCode(404, 100050, "Requested variable not found.")
PROJECT_NOT_FOUND = ErrorCode(400, 150004, "Project wasn't found.")
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

PATH_NOT_FOUND = ErrorCode(404, 110018, "Path not found.")
PATH_IS_FOLDER = ErrorCode(400, 110020, "Requested path is a directory.")
PATH_INVALID = ErrorCode(400, 110028, "Name of dir is invalid.")
DATASET_OPERATION_INVALID = ErrorCode(400, 110001, "Operation cannot be performed.")
FOLDER_EXISTS = ErrorCode(400, 110047, "A sub-directory with the same name already exists.")

JOB_TYPE_UNSUPPORTED = ErrorCode(400, 130002, "Unsupported job type.")
JOB_ACTION_UNSUPPORTED = ErrorCode(400, 130003, "Unsupported action type.")
EXECUTION_NOT_FOUND = ErrorCode(404, 130007, "Execution not found.")
JOB_NOT_FOUND = ErrorCode(404, 130009, "Job not found.")
SCHEDULE_NOT_FOUND = ErrorCode(404, 130042, "Cannot find the job schedule.")
SCHEDULE_OF_ANOTHER_JOB = ErrorCode(400, 130044, "Requested job schedule id does not match the job name.")

TOPIC_NOT_FOUND = ErrorCode(404, 190000, "No topic found.")
TOPIC_EXISTS = ErrorCode(409, 190001, "Kafka topic already exists.")
FEATURE_VIEW_EXISTS = ErrorCode(400, 270179, "The provided feature view name and version already exists.")
FEATURE_VIEW_NOT_FOUND = ErrorCode(404, 270181, "Feature view wasn't found.")
TRAINING_DATASET_NOT_FOUND = ErrorCode(404, 270012, "Training dataset wasn't found.")
TRANSFORMATION_FUNCTION_NOT_FOUND = ErrorCode(400, 270160, "Transformation function does not exist.")
FEATURE_NOT_FOUND = ErrorCode(400, 270082, "Feature does not exist.")
NO_JOIN_KEYS = ErrorCode(400, 270096, "Could not find any matching feature to join.")
FEATURE_LOGGING_NOT_ENABLED = ErrorCode(404, 270248, "Feature logging is not enabled.")
SUITE_EXISTS = ErrorCode(409, 270208, "An expectation suite is already attached to this feature group.")
SUITE_NOT_FOUND = ErrorCode(404, 270191, "No Expectation Suite attached to this feature group.")
EXPECTATION_NOT_FOUND = ErrorCode(404, 270190, "Expectation not found.")
REPORT_NOT_FOUND = ErrorCode(404, 270192, "Validation report not found.")
MONITORING_NOT_FOUND = ErrorCode(404, 270233, "Feature Monitoring entity not found.")

MODEL_NOT_FOUND = ErrorCode(404, 360000, "No model found for provided name and version.")
DEPLOYMENT_NOT_FOUND = ErrorCode(404, 240000, "Serving instance not found.")
TAG_SCHEMA_NOT_FOUND = ErrorCode(404, 370000, "No schema found for provided name.")
TAG_NOT_FOUND = ErrorCode(404, 370002, "No tag found for provided name.")
ENVIRONMENT_NOT_FOUND = ErrorCode(404, 300000, "No Anaconda environment created for this project.")
ENVIRONMENT_EXISTS = ErrorCode(409, 300001, "Anaconda environment already created for this project.")
LIBRARY_NOT_FOUND = ErrorCode(404, 300003, "The library was not found.")

PROJECT_ALERT_NOT_FOUND = ErrorCode(404, 150078, "Alert not found.")
PROJECT_ALERT_EXISTS = ErrorCode(400, 150080, "Alert with the same status already exists.")
JOB_ALERT_NOT_FOUND = ErrorCode(404, 130034, "Job alert not found.")
JOB_ALERT_EXISTS = ErrorCode(400, 130036, "Job alert with the same status already exists.")
ENTITY_ALERT_NOT_FOUND = ErrorCode(404, 270155, "Alert not found.")
ENTITY_ALERT_EXISTS = ErrorCode(400, 270157, "Alert with the same status already exists.")
RECEIVER_EXISTS = ErrorCode(400, 390001, "A receiver with the same name already exists.")
ROUTE_EXISTS = ErrorCode(400, 390002, "A route with the same receiver and match already exists.")
RECEIVER_NOT_FOUND = ErrorCode(400, 390003, "Receiver not found.")
