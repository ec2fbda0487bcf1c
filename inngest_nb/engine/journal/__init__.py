"""What the engine acknowledged, on disk."""
