-- topics: what is in a part of a log, by topic and kind
SELECT topic, kind, count(*) + coalesce(sum(-attempt - 1) FILTER (WHERE attempt < 0), 0)
FROM messages WHERE channel_id = ? AND "offset" >= ? AND "offset" < ? GROUP BY topic, kind;

-- channels: every log that is not of a run, the last written first
SELECT c.name, c.first_offset, max(c.next_offset, coalesce(l.at + 1, 0)), m.created_at
FROM (SELECT id, (SELECT max("offset") FROM messages WHERE channel_id = channels.id) AS at FROM channels) l JOIN channels c ON c.id = l.id
LEFT JOIN messages m ON m.channel_id = c.id AND m."offset" = l.at
WHERE NOT (length(c.name) = 26 AND c.name GLOB '0[0-9A-Z]*') ORDER BY m.created_at DESC LIMIT 500;

-- said_by_run: data that a run has published, newest first
SELECT c.name, m.topic, m.data FROM messages m JOIN channels c ON c.id = m.channel_id
WHERE m.run_id = ? AND m.kind <> 'step' AND m.kind = 'data' ORDER BY m.created_at DESC LIMIT 200;

-- unpacked: before a statement, for the log of a run: every message by itself
WITH messages AS (
  SELECT channel_id, "offset", topic, data, kind, run_id, fn_id, step_id, attempt, created_at
  FROM main.messages WHERE channel_id = :channel AND coalesce(attempt, 0) >= 0
  UNION ALL
  SELECT p.channel_id, p."offset" + p.attempt + 1 + note.key, p.topic, note.value -> '$[1]', p.kind, p.run_id,
         p.fn_id, note.value ->> '$[1].step_id', note.value ->> '$[1].attempt', note.value ->> '$[0]'
  FROM main.messages p, json_each(p.data) note WHERE p.channel_id = :channel AND p.attempt < 0);

-- search: messages of a stretch of a log that fit, newest first; each condition after the first three may be NULL
SELECT "offset", topic, data, kind, run_id, fn_id, step_id, attempt, created_at FROM messages
WHERE channel_id = :channel AND "offset" < :before AND "offset" >= :after
  AND (:topics IS NULL OR topic IN (SELECT value FROM json_each(:topics))) AND (:kind IS NULL OR kind = :kind)
  AND (:run IS NULL OR run_id LIKE :run) AND (:text IS NULL OR data LIKE :text ESCAPE '\')
  AND (:path IS NULL OR data -> :path IN (:value, :quoted))
ORDER BY "offset" DESC LIMIT :limit;
