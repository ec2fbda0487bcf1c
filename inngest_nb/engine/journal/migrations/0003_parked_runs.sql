-- Runs that only wait stay on disk after a restart.
ALTER TABLE runs ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;
