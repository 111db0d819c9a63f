"""Cars, vans, buses and lorries."""
