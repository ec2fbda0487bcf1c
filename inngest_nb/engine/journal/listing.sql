-- page: a page of a list; the conditions, order and place follow
SELECT r.id, r.fn_id, r.status, r.event_name, r.queued_at, r.started_at, r.ended_at, r.attempt, r.wake_at, r.reason, r.forked_from,
  CASE WHEN r.status = 'failed' THEN json_extract(r.error, '$.name') END,
  CASE WHEN r.status = 'failed' THEN substr(json_extract(r.error, '$.message'), 1, 200) END
FROM runs r

-- total: how many fit; the conditions follow
SELECT count(*) FROM runs r

-- is_function: of one function
r.fn_id = :function

-- is_between: that was queued between two times
r.id BETWEEN :first AND :last

-- is_known: that had been made when the list was first shown
r.id <= :upto

-- is_all: every run
1

-- is_running: what is busy or about to be
r.id IN (SELECT id FROM runs WHERE ended_at IS NULL) AND r.status IN ('queued', 'running')

-- is_asking: what waits for a person
r.id IN (SELECT run_id FROM waits WHERE resolved_at IS NULL AND event_name IN (SELECT value FROM json_each(:asking)))

-- is_failed: what failed
r.status = 'failed'

-- is_recent: what was made in the last hour
r.id >= :hour

-- is_queued: one status
r.status = 'queued'

-- is_waiting: one status
r.status = 'waiting'

-- is_completed: one status
r.status = 'completed'

-- is_cancelled: one status
r.status = 'cancelled'

-- has_text: id, function or event name holds a text
(r.id LIKE :text ESCAPE '\' OR r.fn_id LIKE :text ESCAPE '\' OR r.event_name LIKE :text ESCAPE '\')

-- has_payload: the data of the event holds a text
EXISTS (SELECT 1 FROM events e WHERE e.id = r.event_id AND e.data LIKE :text ESCAPE '\')

-- by_started: newest first, or last
r.id

-- by_status: alphabetically
r.status

-- by_function: alphabetically
r.fn_id

-- by_run: as by_started: ids are in the order of their making
r.id

-- by_steps: the one with the most steps first, or last
(SELECT count(DISTINCT s.hash) FROM steps s WHERE s.run_id = r.id)

-- by_trigger: alphabetically
r.event_name

-- by_duration: until now where a run has not ended
coalesce(r.ended_at, :now) - coalesce(r.started_at, r.queued_at)

-- steps_of: attempts of a run without what went in and came out; the first ones where there are very many
SELECT hash, attempt, step_id, idx, op, status, started_at, ended_at,
  CASE WHEN op = 'invoke' AND json_valid(opts) THEN json_object('function', json_extract(opts, '$.function')) END, NULL,
  CASE WHEN error IS NULL THEN NULL ELSE json_object('name', json_extract(error, '$.name'), 'message', '') END, retry_at, NULL
FROM steps WHERE run_id = ? ORDER BY idx, attempt LIMIT ?

-- waits_of: the events that a run waits for
SELECT hash, event_name, NULL, expires_at, resolved_at, NULL, NULL, NULL, NULL FROM waits WHERE run_id = ?

-- waited_for: names of events that runs wait for
SELECT DISTINCT event_name FROM waits WHERE resolved_at IS NULL

-- open_by_status: runs that have not ended
SELECT status, count(*) FROM runs r WHERE ended_at IS NULL AND (:function IS NULL OR fn_id = :function) AND id BETWEEN :first AND :last GROUP BY status

-- last_hour: runs by minute and status
SELECT (queued_at - :since) / 60000000, status, count(*) FROM runs WHERE id BETWEEN max(:hour, :first) AND :last AND (:function IS NULL OR fn_id = :function) GROUP BY 1, 2

-- functions: runs and failures of each function
SELECT r.fn_id, count(*), coalesce(max(f.failures), 0), max(r.id) FROM runs r
LEFT JOIN (SELECT fn_id, count(*) AS failures FROM runs INDEXED BY runs_failed WHERE status = 'failed' GROUP BY fn_id) f ON f.fn_id = r.fn_id GROUP BY r.fn_id

-- events: names of events, how many and when last
SELECT name, count(*), max(received_at) FROM events GROUP BY name ORDER BY 3 DESC LIMIT 200

-- example: the newest event of a name
SELECT data FROM events WHERE name = ? ORDER BY received_at DESC LIMIT 1

-- questions: waits for people, oldest first
SELECT w.run_id, r.fn_id, w.hash, s.step_id, w.event_name, w.expression, w.created_at, w.expires_at
FROM waits w JOIN runs r ON r.id = w.run_id JOIN steps s ON s.run_id = w.run_id AND s.hash = w.hash AND s.attempt = 0
WHERE w.resolved_at IS NULL AND r.ended_at IS NULL AND w.event_name IN (SELECT value FROM json_each(:asking))
ORDER BY w.created_at LIMIT 100
