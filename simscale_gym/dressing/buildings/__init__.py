"""Buildings: façades, shops, roofs."""
