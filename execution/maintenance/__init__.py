"""The upkeep that the maintenance clusters do: a register of jobs, and who is at each (spec 7)."""

from execution.maintenance.registry import Job, register, registered
from execution.maintenance.schedule import Cron, Every, Schedule

__all__ = ["Cron", "Every", "Job", "Schedule", "register", "registered"]
