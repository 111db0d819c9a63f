"""Side shapes for scenes whose source names none."""
