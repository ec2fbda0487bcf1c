-- Retention and history look for the oldest and the newest messages.
CREATE INDEX messages_created ON messages(created_at);
