"""The server extension in a real Jupyter server, in this process."""
