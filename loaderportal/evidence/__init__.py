"""Evidence export: a loader's versions, approvals, executions, coverage and sealed audit events of
a period, as a ZIP that can be checked later and elsewhere (spec 12)."""
