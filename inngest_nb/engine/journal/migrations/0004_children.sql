-- The runs that a run invoked are found by it.
CREATE INDEX IF NOT EXISTS runs_children ON runs(parent_run_id) WHERE parent_run_id IS NOT NULL;
