-- add_event: an accepted event
INSERT OR IGNORE INTO events (id, event_id, name, data, user, ts, v, received_at, target, idempotency_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- add_run: a run that an event starts
INSERT OR IGNORE INTO runs (id, fn_id, status, event_id, event_name, queued_at, wake_at, parent_run_id, parent_hash, forked_from, forked_at_step, code_hash, priority, keys)
VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- add_run_event: further events of a batch
INSERT OR IGNORE INTO run_events (run_id, position, event_id) VALUES (?, ?, ?);

-- save_function: the newest registration of a function
INSERT INTO functions (id, app_id, name, config, code_hash, registered_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET app_id = excluded.app_id, name = excluded.name, config = excluded.config,
  code_hash = excluded.code_hash, registered_at = excluded.registered_at;

-- pause_function: 1 or 0
UPDATE functions SET paused = ? WHERE id = ?;

-- save_flow: the state of one flow-control key
INSERT OR REPLACE INTO flow_state (fn_id, kind, key, value) VALUES (?, ?, ?, ?);

-- drop_flow: a key that holds nothing any more
DELETE FROM flow_state WHERE fn_id = ? AND kind = ? AND key = ?;

-- flow_state: all of it
SELECT fn_id, kind, key, value FROM flow_state;

-- ran_for: has this function run for an event of this id since a time
SELECT r.id FROM events e JOIN runs r ON r.event_id = e.id WHERE e.event_id = ? AND r.fn_id = ? AND e.received_at >= ?;

-- start_run: a worker has taken the run
UPDATE runs SET status = 'running', parked = 0, started_at = coalesce(started_at, ?), attempt = ?, wake_at = NULL, code_hash = ? WHERE id = ? AND ended_at IS NULL;

-- set_run_status: running or waiting
UPDATE runs SET status = ?, parked = 0 WHERE id = ? AND ended_at IS NULL;

-- park_run: its body is in so many waits and nothing else; if one of them is over, the run goes on
UPDATE runs SET parked = (SELECT count(*) FROM steps WHERE run_id = ?1 AND status = 'waiting') >= ?2 WHERE id = ?1 AND ended_at IS NULL;

-- unpark_run: a wait of it is over, or an attempt is due
UPDATE runs SET parked = 0 WHERE id = ? AND parked = 1;

-- retry_run: the body will be entered again
UPDATE runs SET attempt = ?, wake_at = ?, error = ? WHERE id = ? AND ended_at IS NULL;

-- hurry_step: its next attempt is not waited for
UPDATE steps SET retry_at = ? WHERE run_id = ? AND hash = ? AND attempt = ? AND status = 'retrying';

-- hurry_run: the same for the body
UPDATE runs SET wake_at = ? WHERE id = ? AND ended_at IS NULL AND wake_at IS NOT NULL;

-- end_run: the first finaliser wins
UPDATE runs SET status = ?, ended_at = ?, output = ?, error = ?, reason = ?, wake_at = NULL WHERE id = ? AND ended_at IS NULL;

-- add_step: one attempt, or one registered wait
INSERT OR IGNORE INTO steps (run_id, hash, attempt, step_id, idx, op, status, started_at, ended_at, opts, output, error, retry_at, code_hash, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- end_wait_step: a registered wait is over
UPDATE steps SET status = ?, ended_at = ?, output = ?, error = ?, seq = ? WHERE run_id = ? AND hash = ? AND attempt = 0 AND status = 'waiting';

-- add_wait_step: a registered wait; one that was dropped begins anew
INSERT INTO steps (run_id, hash, attempt, step_id, idx, op, status, started_at, ended_at, opts, output, error, retry_at, code_hash, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, hash, attempt) DO UPDATE SET status = excluded.status,
  started_at = excluded.started_at, ended_at = NULL, seq = NULL, opts = excluded.opts, retry_at = excluded.retry_at WHERE status = 'cancelled';

-- add_wait: an open wait for an event; one that was dropped begins anew
INSERT INTO waits (run_id, hash, event_name, expression, created_at, expires_at, terms) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, hash) DO UPDATE SET event_name = excluded.event_name, expression = excluded.expression, terms = excluded.terms,
  created_at = excluded.created_at, expires_at = excluded.expires_at, resolved_at = NULL WHERE expires_at = 0;

-- drop_wait_step: the body wants the wait no more, whatever has become of it
UPDATE steps SET status = 'cancelled', ended_at = ?, seq = ?, output = NULL, error = NULL WHERE run_id = ? AND hash = ? AND attempt = 0
  AND op IN ('sleep', 'wait_for_event', 'invoke');

-- drop_wait: the same for its event
UPDATE waits SET resolved_at = ?, matched_event_id = NULL, expires_at = 0 WHERE run_id = ? AND hash = ?;

-- matched_events: the events that ended waits of a run
SELECT matched_event_id FROM waits WHERE run_id = ? AND matched_event_id IS NOT NULL;

-- events_since: events of a name that came after a run was made; the plus keeps SQLite from walking all events of that name
SELECT id, event_id, name, data, user, ts, v FROM events WHERE +name = ? AND id > ? AND target IS NULL ORDER BY id;

-- end_wait: matched (with an event) or timed out (without)
UPDATE waits SET resolved_at = ?, matched_event_id = ? WHERE run_id = ? AND hash = ? AND resolved_at IS NULL;

-- close_waits: the run ended
UPDATE waits SET resolved_at = ? WHERE run_id = ? AND resolved_at IS NULL;

-- close_wait_steps: the run ended
UPDATE steps SET status = 'cancelled', ended_at = ? WHERE run_id = ? AND status = 'waiting';

-- set_back_steps: the clock was set back: what is due after a while is due earlier by it, unless it began since
UPDATE steps SET retry_at = retry_at - ?1 WHERE run_id IN (SELECT id FROM runs WHERE ended_at IS NULL) AND retry_at IS NOT NULL
  AND (status = 'waiting' AND opts IS NOT '{"until":true}' OR status = 'retrying' AND NOT EXISTS (
       SELECT 1 FROM steps n WHERE n.run_id = steps.run_id AND n.hash = steps.hash AND n.attempt > steps.attempt))
  AND started_at NOT BETWEEN ?2 AND ?3 AND (SELECT value FROM meta WHERE key = 'clock') IS ?4;

-- set_back_waits: the same for waits for events
UPDATE waits SET expires_at = expires_at - ?1 WHERE resolved_at IS NULL AND created_at NOT BETWEEN ?2 AND ?3
  AND (SELECT value FROM meta WHERE key = 'clock') IS ?4;

-- set_back_runs: the same for bodies that are to be entered again
UPDATE runs SET wake_at = wake_at - ?1 WHERE ended_at IS NULL AND attempt > 0 AND wake_at IS NOT NULL
  AND (SELECT value FROM meta WHERE key = 'clock') IS ?2;

-- add_outbox: a durable publish, the end of a run, or that of a step that streamed, until the message log has it
INSERT OR REPLACE INTO outbox (key, message) VALUES (?, ?);

-- end_outbox: the message log has it
DELETE FROM outbox WHERE key = ?;

-- outbox: what to tell again, publishes in the order in which their steps ended, then the ends of runs
SELECT o.key, o.message FROM outbox o
LEFT JOIN steps s ON s.run_id = substr(o.key, 1, 26) AND s.hash = substr(o.key, 28) AND s.status = 'completed'
ORDER BY s.run_id IS NULL, s.seq, s.ended_at, s.idx;

-- collected_for: is an event of this id in a run of this function, at any position, since a time
SELECT r.id FROM events e JOIN runs r ON r.event_id = e.id WHERE e.event_id = ?1 AND r.fn_id = ?2 AND e.received_at >= ?3
UNION ALL SELECT r.id FROM events e JOIN run_events m ON m.event_id = e.id JOIN runs r ON r.id = m.run_id
WHERE e.event_id = ?1 AND r.fn_id = ?2 AND e.received_at >= ?3;

-- events_of_id: the events that a sender gave this id since a time
SELECT id FROM events WHERE event_id = ? AND received_at >= ?;

-- doom_run: the end of the run is decided together with an event; an open run with a reason is ended at the next start
UPDATE runs SET reason = ? WHERE id = ? AND ended_at IS NULL AND reason IS NULL;

-- set_meta: remember one fact about the journal
INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?);

-- get_meta: one fact about the journal
SELECT value FROM meta WHERE key = ?;

-- functions: every registration
SELECT config, paused FROM functions;

-- runs: some runs, each with its first event
SELECT r.id, r.fn_id, r.status, r.event_id, r.event_name, r.queued_at, r.started_at, r.ended_at, r.attempt, r.wake_at, r.parent_run_id,
       r.parent_hash, r.forked_from, r.forked_at_step, r.output, r.error, r.reason, r.priority, r.keys, e.event_id, e.name, e.data, e.user, e.ts, e.v
FROM runs r JOIN events e ON e.id = r.event_id WHERE r.id IN (SELECT value FROM json_each(?));

-- run_events: the further events of their batches, in order
SELECT r.run_id, e.event_id, e.name, e.data, e.user, e.ts, e.v FROM run_events r JOIN events e ON e.id = r.event_id
WHERE r.run_id IN (SELECT value FROM json_each(?)) ORDER BY r.run_id, r.position;

-- steps_of_runs: everything remembered of the steps of some runs
SELECT run_id, hash, attempt, step_id, idx, op, status, started_at, ended_at, opts, output, error, retry_at, code_hash, seq FROM steps
WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY run_id, idx, attempt;

-- attempts_of_step: one step, all attempts
SELECT hash, attempt, step_id, idx, op, status, started_at, ended_at, opts, output, error, retry_at, code_hash, seq FROM steps WHERE run_id = ? AND hash = ? ORDER BY attempt;

-- waits_of_run: its waits, with what answered them
SELECT w.hash, w.event_name, w.expression, w.expires_at, w.resolved_at, e.id, e.user, e.ts, e.data
FROM waits w LEFT JOIN events e ON e.id = w.matched_event_id WHERE w.run_id = ?;

-- children: the runs that a run invoked, by the step that did; the latest of several
SELECT parent_hash, max(id) FROM runs WHERE parent_run_id = ? GROUP BY parent_hash;

-- condition: what a wait is for, with the event that its run was started by
SELECT w.expression, e.event_id, e.name, e.data, e.user, e.ts, e.v
FROM waits w JOIN runs r ON r.id = w.run_id JOIN events e ON e.id = r.event_id WHERE w.run_id = ? AND w.hash = ?;

-- wait_of_step: one of them
SELECT w.hash, w.event_name, w.expression, w.expires_at, w.resolved_at, e.id, e.user, e.ts, e.data
FROM waits w LEFT JOIN events e ON e.id = w.matched_event_id WHERE w.run_id = ? AND w.hash = ?;

-- newest_id: of events and runs
SELECT max(id) FROM (SELECT max(id) AS id FROM events UNION ALL SELECT max(id) FROM runs);

-- open_runs: what goes on after a restart
SELECT id, fn_id, wake_at, attempt, reason, parked FROM runs WHERE ended_at IS NULL ORDER BY id;

-- open_steps: sleeps, invocations and retries to time again after a restart
SELECT s.run_id, s.hash, CASE WHEN s.opts IS '{"until":true}' THEN 'until' ELSE s.op END, s.status, s.attempt, s.retry_at FROM runs r JOIN steps s ON s.run_id = r.id
WHERE r.ended_at IS NULL AND s.retry_at IS NOT NULL
  AND s.op != 'wait_for_event' AND (s.status = 'waiting' OR (s.status = 'retrying' AND NOT EXISTS
       (SELECT 1 FROM steps n WHERE n.run_id = s.run_id AND n.hash = s.hash AND n.attempt > s.attempt)));

-- waiting_of_run: hashes of its registered waits
SELECT hash FROM steps WHERE run_id = ? AND status = 'waiting';

-- open_waits: event waits to index and time again after a restart; the end of a run closes its own
SELECT run_id, hash, event_name, expires_at, terms FROM waits WHERE resolved_at IS NULL;

-- event_by_key: an event that was already accepted under this idempotency key
SELECT id FROM events WHERE idempotency_key = ?;

-- event: one event
SELECT event_id, name, data, user, ts, v FROM events WHERE id = ?;

-- select_runs: of one app, oldest first; function and times may be NULL
SELECT r.id FROM runs r JOIN functions f ON f.id = r.fn_id WHERE f.app_id = :app_id AND (:function IS NULL OR r.fn_id = :function)
  AND (:since IS NULL OR r.queued_at >= :since) AND (:until IS NULL OR r.queued_at < :until)
  AND (:open IS NULL OR (r.ended_at IS NULL) = :open) ORDER BY r.id;

-- list_runs: newest first; every filter may be NULL
SELECT id FROM runs WHERE (:function IS NULL OR fn_id = :function) AND (:status IS NULL OR status = :status)
  AND (:event_id IS NULL OR event_id = :event_id) ORDER BY id DESC LIMIT :limit;

-- list_events: what users sent, newest first; every filter may be NULL
SELECT id, event_id, name, data, user, ts, v, received_at FROM events WHERE name NOT LIKE 'inngest/%' AND (:name IS NULL OR name = :name)
  AND (:after IS NULL OR received_at > :after) AND (:before IS NULL OR received_at < :before)
  AND (:cursor IS NULL OR id < :cursor) ORDER BY id DESC LIMIT :limit;

-- one_event: everything that is known of it
SELECT id, event_id, name, data, user, ts, v, received_at FROM events WHERE id = ?;

-- runs_of_event: those that it started, alone or in a batch
SELECT id FROM runs WHERE event_id = ?1 UNION SELECT run_id FROM run_events WHERE event_id = ?1 ORDER BY 1;
