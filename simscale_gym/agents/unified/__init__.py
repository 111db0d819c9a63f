"""The unified expert: of plans as good as the best, the calmest and most human."""
