"""Late data: which windows are asked again, and how late a loader's records come (spec 9)."""
