"""Scenes to pictures, trained and dressed alike."""
