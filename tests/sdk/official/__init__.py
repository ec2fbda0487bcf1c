"""Functions of this package on a real Inngest server, through the official SDK."""
