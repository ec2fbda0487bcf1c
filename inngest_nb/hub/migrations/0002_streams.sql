-- What a publisher says about a message, and the stream that a piece belongs to.

ALTER TABLE messages ADD COLUMN metadata TEXT;
ALTER TABLE messages ADD COLUMN stream_id TEXT;
