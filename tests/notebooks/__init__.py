"""The notebooks of the project, executed."""
