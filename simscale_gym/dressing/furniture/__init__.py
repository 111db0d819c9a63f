"""Street furniture, signals and trees."""
