"""The routes by topic; each module ends with its list."""
