-- The message log: one gap-free sequence of offsets per channel. Times are microseconds (UTC).

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE channels (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  epoch INTEGER NOT NULL,
  first_offset INTEGER NOT NULL,
  next_offset INTEGER NOT NULL
);

CREATE TABLE messages (
  channel_id INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  topic TEXT NOT NULL,
  kind TEXT NOT NULL,
  data TEXT NOT NULL,
  run_id TEXT,
  fn_id TEXT,
  step_id TEXT,
  attempt INTEGER,                  -- below zero: the row holds so many messages about steps, data is [[created_at, state], …]
  created_at INTEGER NOT NULL,
  key TEXT,
  metadata TEXT,
  stream_id TEXT,
  PRIMARY KEY (channel_id, "offset")
) WITHOUT ROWID;
CREATE UNIQUE INDEX messages_key ON messages(key) WHERE key IS NOT NULL;
CREATE INDEX messages_run ON messages(run_id) WHERE run_id IS NOT NULL AND kind <> 'step';
CREATE INDEX messages_created ON messages(created_at);
CREATE INDEX messages_packed ON messages(created_at) WHERE attempt < 0;
