"""Road users as templates that are placed, painted and lit."""
