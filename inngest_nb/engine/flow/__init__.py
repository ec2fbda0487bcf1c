"""The arithmetic of flow control: what happens to an event or an attempt, from plain state and the time; no IO."""
