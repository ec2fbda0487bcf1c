-- The journal: everything that was acknowledged. Times are microseconds since the epoch (UTC),
-- except events.ts, which is milliseconds as in Inngest. JSON columns hold JSON text.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE events (
  id TEXT PRIMARY KEY,              -- internal ULID, what intake returns
  event_id TEXT NOT NULL,           -- the sender's id, or the internal one
  name TEXT NOT NULL,
  data TEXT NOT NULL,
  user TEXT,
  ts INTEGER NOT NULL,
  v TEXT,                           -- the version of its data, if the sender names one
  received_at INTEGER NOT NULL,
  target TEXT,                      -- set when the event starts one function only
  idempotency_key TEXT
) WITHOUT ROWID;
CREATE INDEX events_name ON events(name, received_at);
CREATE INDEX events_event_id ON events(event_id);
CREATE UNIQUE INDEX events_key ON events(idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE functions (
  id TEXT PRIMARY KEY,              -- "{app_id}-{fn_id}"
  app_id TEXT NOT NULL,
  name TEXT NOT NULL,
  config TEXT NOT NULL,
  code_hash TEXT,
  registered_at INTEGER NOT NULL,
  paused INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE flow_state (           -- rate limits, throttles, debounces and batches, by function and key
  fn_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (fn_id, kind, key)
) WITHOUT ROWID;

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  fn_id TEXT NOT NULL,
  status TEXT NOT NULL,
  event_id TEXT NOT NULL,           -- internal id of the (first) event
  event_name TEXT NOT NULL,
  queued_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  attempt INTEGER NOT NULL DEFAULT 0,
  wake_at INTEGER,                  -- when a function-level retry or a delayed start is due
  parent_run_id TEXT,               -- the run that invoked this one, and its step
  parent_hash TEXT,
  forked_from TEXT,
  forked_at_step TEXT,
  code_hash TEXT,
  priority INTEGER NOT NULL DEFAULT 0,  -- microseconds by which it goes before its age
  keys TEXT,                        -- flow-control keys, computed once from the event
  output TEXT,
  error TEXT,
  reason TEXT,
  parked INTEGER NOT NULL DEFAULT 0 -- 1: nothing of it can go on before a wait ends
) WITHOUT ROWID;
CREATE INDEX runs_open ON runs(id) WHERE ended_at IS NULL;
CREATE INDEX runs_event ON runs(event_id);
CREATE INDEX runs_function ON runs(fn_id, id);
CREATE INDEX runs_failed ON runs(status, id, fn_id) WHERE status = 'failed';
CREATE INDEX runs_children ON runs(parent_run_id) WHERE parent_run_id IS NOT NULL;

CREATE TABLE run_events (
  run_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE INDEX run_events_event ON run_events(event_id);

CREATE TABLE steps (                -- one row per finished attempt, or per registered wait
  run_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  step_id TEXT NOT NULL,
  idx INTEGER NOT NULL,             -- order of first completion or registration in the run
  op TEXT NOT NULL,
  status TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  opts TEXT,
  output TEXT,
  error TEXT,
  retry_at INTEGER,
  code_hash TEXT,
  seq INTEGER,                      -- its end's place in the order of all ends, whatever the clock says; below 0: taken over by a fork
  PRIMARY KEY (run_id, hash, attempt)
) WITHOUT ROWID;

CREATE TABLE waits (
  run_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  event_name TEXT NOT NULL,
  expression TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  resolved_at INTEGER,
  matched_event_id TEXT,
  terms TEXT,                       -- JSON: what an event must have to be looked at, one [path, value] for each alternative
  PRIMARY KEY (run_id, hash)
) WITHOUT ROWID;
CREATE INDEX waits_open ON waits(run_id) WHERE resolved_at IS NULL;

CREATE TABLE outbox (               -- durable publishes, ends of runs and of streaming steps that the message log has not confirmed yet
  key TEXT PRIMARY KEY,             -- "{run_id}:{hash}"
  message TEXT NOT NULL
) WITHOUT ROWID;
