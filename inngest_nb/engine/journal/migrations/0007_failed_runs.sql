-- Failed runs are counted and listed without a look at the others.
CREATE INDEX IF NOT EXISTS runs_failed ON runs(status, id, fn_id) WHERE status = 'failed';
