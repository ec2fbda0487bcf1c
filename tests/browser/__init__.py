"""The notebook as people see it: a real JupyterLab under a base URL, driven with Chromium."""
