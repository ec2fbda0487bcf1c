-- The version that a sender gives the data of an event.
ALTER TABLE events ADD COLUMN v TEXT;
