"""The built-in town as files."""
