"""The recovery expert: human futures that lead back to the log."""
