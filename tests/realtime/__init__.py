"""Subscribing, the hook, and what they stand on."""
