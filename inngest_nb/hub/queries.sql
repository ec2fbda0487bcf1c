-- add_channel: a channel's first message makes its log
INSERT OR IGNORE INTO channels (id, name, epoch, first_offset, next_offset) VALUES (?, ?, ?, ?, 0);

-- add_message: one row per message; repeating it changes nothing
INSERT OR IGNORE INTO messages
  (channel_id, "offset", topic, data, kind, run_id, fn_id, step_id, attempt, created_at, key, metadata, stream_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- find_channel: a log and where it ends
SELECT c.id, c.epoch, c.first_offset,
       max(c.next_offset, coalesce((SELECT max(m."offset") + 1 FROM messages m WHERE m.channel_id = c.id), c.first_offset))
FROM channels c WHERE c.name = ?;

-- last_channel_id: the highest id in use
SELECT coalesce(max(id), 0) FROM channels;

-- read: messages of one log from an offset on
SELECT "offset", topic, data, kind, run_id, fn_id, step_id, attempt, created_at, key, metadata, stream_id
FROM messages WHERE channel_id = ? AND "offset" >= ? ORDER BY "offset" LIMIT ?;

-- has: a message of this time on a topic, from an offset on
SELECT 1 FROM messages WHERE channel_id = ? AND "offset" >= ? AND topic = ? AND created_at = ? LIMIT 1;

-- read_since: the first message at or after a time
SELECT "offset", topic, data, kind, run_id, fn_id, step_id, attempt, created_at, key, metadata, stream_id
FROM messages WHERE channel_id = ? AND created_at >= ? ORDER BY "offset" LIMIT 1;

-- channels_of_run: where a run has published
SELECT DISTINCT c.name FROM messages m JOIN channels c ON c.id = m.channel_id
WHERE m.run_id = ? AND m.kind <> 'step' AND m.kind = 'data';

-- of_step: what a step has published, in the order of time, with what became of it
SELECT c.name, m."offset", m.topic, m.data, m.kind, m.run_id, m.fn_id, m.step_id, m.attempt, m.created_at, m.key, m.metadata, m.stream_id
FROM messages m JOIN channels c ON c.id = m.channel_id
WHERE m.run_id = ?1 AND m.kind <> 'step' AND m.step_id = ?2 AND c.name <> ?1 ORDER BY m.created_at, m."offset" LIMIT ?3;

-- told_the_end_of: channels that have the end of a run
SELECT DISTINCT c.name FROM messages m JOIN channels c ON c.id = m.channel_id
WHERE m.run_id = ? AND m.kind <> 'step' AND m.kind = 'run' AND json_extract(m.data, '$.status') IN ('completed', 'failed', 'cancelled');

-- unsettled_of_run: channels and steps whose publishes were neither rolled back nor committed
SELECT c.name, m.step_id, max(CASE WHEN m.kind = 'data' THEN m."offset" END) AS last_data,
       max(CASE WHEN m.kind <> 'data' THEN m."offset" END) AS settled
FROM messages m JOIN channels c ON c.id = m.channel_id
WHERE m.run_id = ? AND m.kind <> 'step' AND m.kind IN ('data', 'rollback', 'commit') AND m.step_id IS NOT NULL AND m.key IS NULL
GROUP BY c.name, m.step_id HAVING last_data IS NOT NULL AND (settled IS NULL OR settled < last_data);

-- is_settled: whether the log of a run says what became of an attempt's publishes
SELECT 1 FROM messages WHERE channel_id = ? AND kind IN ('commit', 'rollback') AND attempt = ? AND json_extract(data, '$.hash') = ?;

-- has_key: is a durable publish in the log
SELECT 1 FROM messages WHERE key = ?;

-- set_meta: remember one fact about the store
INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?);

-- get_meta: one fact about the store
SELECT value FROM meta WHERE key = ?;

-- oldest: the logs that the oldest messages are in, up to which offset, and where those logs end
SELECT c.id, c.name, c.first_offset, o.upto,
       (SELECT max(m."offset") + 1 FROM messages m WHERE m.channel_id = c.id) AS "next"
FROM (SELECT channel_id, max("offset") + 1 AS upto
      FROM (SELECT channel_id, "offset" FROM messages WHERE created_at < ? ORDER BY created_at LIMIT ?)
      GROUP BY channel_id) o
JOIN channels c ON c.id = o.channel_id;

-- longer_than: logs with more messages than this
SELECT c.id, c.name, c.first_offset, e."next" - ? AS upto, e."next"
FROM (SELECT channel_id, max("offset") + 1 AS "next" FROM messages GROUP BY channel_id HAVING count(*) > ?) e
JOIN channels c ON c.id = e.channel_id;

-- trim: a log without its first messages
DELETE FROM messages WHERE channel_id = ? AND "offset" < ?;

-- set_first: where a trimmed log begins; it may end there too
UPDATE channels SET first_offset = max(first_offset, ?1), next_offset = max(next_offset, ?1) WHERE id = ?2;

-- drop_channel: a log of which nothing is left
DELETE FROM channels WHERE id = ? AND NOT EXISTS (SELECT 1 FROM messages WHERE channel_id = channels.id);

-- bytes_used: how much of the file is in use
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size();

-- bump_epochs: logs that may have lost their tail start a new epoch
UPDATE channels SET epoch = epoch + 1;
