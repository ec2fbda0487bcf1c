-- What ended first, even where the clock was set back. Rows of before have none: they come first, by their times.
ALTER TABLE steps ADD COLUMN seq INTEGER;
