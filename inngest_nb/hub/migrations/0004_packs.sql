-- History looks for what was published up to a time, also in rows that hold several messages and the time of the last.
CREATE INDEX messages_packed ON messages(created_at) WHERE attempt < 0;
