"""Scene assets: background, sky and nodes with their motion; their folder format, check and drawing."""
