-- What finds a wait is kept with it: a start reads no conditions.
ALTER TABLE waits ADD COLUMN terms TEXT;
