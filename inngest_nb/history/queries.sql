-- function_ids: the full ids of functions that are given by it or by the id inside their app
SELECT id FROM functions WHERE substr(id, length(app_id) + 2) IN (SELECT value FROM json_each(:function))
UNION SELECT value FROM json_each(:function);

-- runs: one row per run; ids are in the order of their time
SELECT r.id, r.fn_id, r.status, r.event_id, r.event_name, r.queued_at, r.started_at, r.ended_at, r.ended_at - r.started_at,
       r.attempt, r.parent_run_id, r.forked_from, r.forked_at_step, r.code_hash, r.output, r.error
FROM runs r /* where */ ORDER BY r.id DESC LIMIT :limit;

-- runs_where_function: of these functions, by full id
r.fn_id IN (SELECT value FROM json_each(:function));

-- runs_where_status: in one of these states
r.status IN (SELECT value FROM json_each(:status));

-- runs_where_run_id: these runs only
r.id IN (SELECT value FROM json_each(:run_id));

-- runs_where_event_id: that these events started, alone or in a batch
r.id IN (SELECT id FROM runs WHERE event_id IN (SELECT value FROM json_each(:event_id))
         UNION SELECT run_id FROM run_events WHERE event_id IN (SELECT value FROM json_each(:event_id)));

-- runs_where_open: has not ended; said beside the status for the sake of the index
r.ended_at IS NULL;

-- runs_where_since: queued at or after
r.id >= :since_id AND r.queued_at >= :since;

-- runs_where_until: queued before
r.queued_at < :until;

-- traced_runs: runs that have ended, with the outermost run that has invoked them
SELECT r.id, r.fn_id, f.app_id, r.status, r.event_name, r.event_id, r.queued_at, r.started_at, r.ended_at, r.attempt,
       (WITH RECURSIVE up(id, parent, height) AS (
          SELECT r.id, r.parent_run_id, 0 UNION ALL SELECT p.id, p.parent_run_id, height + 1 FROM up JOIN runs p ON p.id = up.parent)
        SELECT id FROM up ORDER BY height DESC LIMIT 1),
       r.parent_run_id, r.parent_hash, r.forked_from, r.code_hash, r.output, r.error, r.reason
FROM runs r LEFT JOIN functions f ON f.id = r.fn_id /* where */ ORDER BY r.id DESC LIMIT :limit;

-- runs_where_ended: only those
r.ended_at IS NOT NULL;

-- traced_steps: every attempt of steps that were executed in these runs
SELECT s.run_id, s.hash, s.attempt, s.step_id, s.op, s.status, s.started_at, s.ended_at, s.opts, s.output, s.error, w.event_name
FROM steps s JOIN runs r ON r.id = s.run_id LEFT JOIN waits w ON w.run_id = s.run_id AND w.hash = s.hash
WHERE s.run_id IN (SELECT value FROM json_each(:run_id)) AND NOT coalesce(s.seq < 0, r.forked_from IS NOT NULL AND s.ended_at < r.queued_at, 0)
ORDER BY s.run_id DESC, s.idx DESC, s.hash DESC, s.attempt DESC;

-- steps: one row per finished attempt, sleep or wait; an attempt was queued when the one before it asked for a retry
SELECT s.run_id, s.step_id, s.idx, s.op, s.attempt, s.status, coalesce(p.retry_at, s.started_at), s.started_at, s.ended_at,
       s.ended_at - s.started_at, json_quote(json_extract(s.opts, '$.input')), s.output, s.error,
       coalesce(s.seq < 0, r.forked_from IS NOT NULL AND s.ended_at < r.queued_at, 0)
FROM steps s JOIN runs r ON r.id = s.run_id
LEFT JOIN steps p ON p.run_id = s.run_id AND p.hash = s.hash AND p.attempt = s.attempt - 1
/* where */ ORDER BY s.run_id DESC, s.idx DESC, s.attempt DESC LIMIT :limit;

-- steps_where_function: of these functions, by full id
r.fn_id IN (SELECT value FROM json_each(:function));

-- steps_where_status: in one of these states
s.status IN (SELECT value FROM json_each(:status));

-- steps_where_run_id: of these runs
s.run_id IN (SELECT value FROM json_each(:run_id));

-- steps_where_step_id: steps of this name
s.step_id IN (SELECT value FROM json_each(:step_id));

-- steps_where_op: of these tools
s.op IN (SELECT value FROM json_each(:op));

-- steps_where_since: started at or after
s.started_at >= :since;

-- steps_where_until: started before
s.started_at < :until;

-- events: one row per accepted event, with the runs that it started
SELECT e.id, e.name, e.ts * 1000, e.received_at, e.user, e.data,
       (SELECT json_group_array(run_id)
        FROM (SELECT id AS run_id FROM runs WHERE event_id = e.id
              UNION SELECT run_id FROM run_events WHERE event_id = e.id ORDER BY 1))
FROM events e /* where */ ORDER BY e.id DESC LIMIT :limit;

-- events_where_name: of these names
e.name IN (SELECT value FROM json_each(:name));

-- events_where_event_id: these events only
e.id IN (SELECT value FROM json_each(:event_id));

-- events_where_run_id: that started these runs
e.id IN (SELECT event_id FROM runs WHERE id IN (SELECT value FROM json_each(:run_id))
         UNION SELECT event_id FROM run_events WHERE run_id IN (SELECT value FROM json_each(:run_id)));

-- events_where_since: received at or after
e.id >= :since_id AND e.received_at >= :since;

-- events_where_until: received before
e.received_at < :until;

-- waits: one row per wait for an event
SELECT w.run_id, s.step_id, w.event_name, w.expression, w.created_at, w.expires_at,
       CASE WHEN w.matched_event_id IS NOT NULL THEN w.resolved_at END, w.resolved_at - w.created_at,
       CASE WHEN w.resolved_at IS NULL THEN 'open' WHEN w.matched_event_id IS NOT NULL THEN 'answered'
            WHEN s.status = 'timed_out' THEN 'timed_out' ELSE 'withdrawn' END,
       coalesce(json_extract(e.user, '$.name'), e.user), e.data
FROM waits w JOIN steps s ON s.run_id = w.run_id AND s.hash = w.hash AND s.attempt = 0
LEFT JOIN events e ON e.id = w.matched_event_id
/* where */ ORDER BY w.created_at DESC, w.run_id DESC, w.hash DESC LIMIT :limit;

-- waits_where_function: of these functions, by full id
w.run_id IN (SELECT id FROM runs WHERE fn_id IN (SELECT value FROM json_each(:function)));

-- waits_where_run_id: of these runs
w.run_id IN (SELECT value FROM json_each(:run_id));

-- waits_where_outcome: that ended in one of these ways
CASE WHEN w.resolved_at IS NULL THEN 'open' WHEN w.matched_event_id IS NOT NULL THEN 'answered'
     WHEN s.status = 'timed_out' THEN 'timed_out' ELSE 'withdrawn' END IN (SELECT value FROM json_each(:outcome));

-- waits_where_since: asked at or after
w.created_at >= :since;

-- waits_where_until: asked before
w.created_at < :until;

-- messages: one stretch of the log as a text for each column, because SQLite joins texts faster than Python makes objects
SELECT count(*), group_concat(m."offset"), group_concat(m.created_at), /* data */,
       json_group_array(m.channel_id), json_group_array(m.topic), json_group_array(m.kind), json_group_array(m.run_id),
       json_group_array(m.fn_id), json_group_array(m.step_id), json_group_array(m.attempt), json_group_array(m.key IS NOT NULL)
FROM /* from */ messages m /* where */;

-- messages_joined: as a JSON list
group_concat(m.data);

-- messages_separated: each by itself; this character stands in no JSON text
group_concat(m.data, char(30));

-- messages_end: where a stretch of so many ends
SELECT m.channel_id, m."offset" FROM /* from */ messages m
/* where */ ORDER BY m.channel_id, m."offset" LIMIT 1 OFFSET :rows - 1;

-- messages_newest: when the first of the newest messages was published
SELECT min(created_at) FROM (
  SELECT m.created_at FROM /* from */ messages m
  /* where */ ORDER BY m.created_at DESC LIMIT :limit);

-- channel_names: what channels are called
SELECT id, name FROM channels WHERE id IN (SELECT value FROM json_each(:channels));

-- published_between: how many messages, counted up to :rows
SELECT count(*) FROM (SELECT 1 FROM messages WHERE created_at >= :since AND created_at < :until LIMIT :rows);

-- messages_from_few: where those of a time are, if they are few; what is packed has the time of its last message
(SELECT channel_id, "offset" FROM messages WHERE created_at >= :since AND created_at < :until
 UNION ALL
 SELECT channel_id, "offset" FROM messages
 WHERE attempt < 0 AND created_at >= max(:since, :until) AND created_at < :until + 60000000) found CROSS JOIN

-- messages_where_few: these; the plus keeps SQLite from looking them up by channel
m.channel_id = +found.channel_id AND m."offset" = found."offset";

-- messages_where_within: behind the stretch that was read before, up to the end of this one
(m.channel_id, m."offset") > (:after_channel, :after_offset) AND (m.channel_id, m."offset") <= (:upto_channel, :upto_offset);

-- messages_where_channel: of these channels
m.channel_id IN (SELECT id FROM channels WHERE name IN (SELECT value FROM json_each(:channel)));

-- messages_where_topic: of these topics
m.topic IN (SELECT value FROM json_each(:topic));

-- messages_where_kind: of these kinds
m.kind IN (SELECT value FROM json_each(:kind));

-- messages_from_run_id: where those of these runs are: the ones about steps on the runs' own channels, all others by the index
(SELECT channel_id, "offset" FROM messages WHERE run_id IN (SELECT value FROM json_each(:run_id)) AND kind <> 'step'
 UNION ALL
 SELECT channel_id, "offset" FROM messages
 WHERE channel_id IN (SELECT id FROM channels WHERE name IN (SELECT value FROM json_each(:run_id))) AND kind = 'step') found CROSS JOIN

-- messages_where_run_id: of these runs
m.channel_id = found.channel_id AND m."offset" = found."offset";

-- messages_where_function: published by these functions, by full id
m.fn_id IN (SELECT value FROM json_each(:function));

-- messages_where_since: published at or after; the plus keeps SQLite from looking up one by one what is not few
+m.created_at >= :since;

-- messages_where_until: published before; what is packed has the time of its last message
+m.created_at < :until + (coalesce(m.attempt, 0) < 0) * 60000000;
