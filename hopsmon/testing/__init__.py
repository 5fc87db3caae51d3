"""Testing: what authors of techniques check theirs with. `hopsmon.testing.check_technique(MyTechnique)`."""

from hopsmon.testing.techniques import ComplianceError, Failure, Report, check_technique

__all__ = ["ComplianceError", "Failure", "Report", "check_technique"]
