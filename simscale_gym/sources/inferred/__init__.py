"""What sources with fewer fields than a scene leave unsaid, worked out: lane graph, roadblocks, ego motion."""
