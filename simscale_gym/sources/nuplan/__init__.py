"""nuPlan's logs and maps, read and written."""
