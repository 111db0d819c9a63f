"""PDM-Closed, as NAVSIM runs it, and the planner expert that it makes."""
