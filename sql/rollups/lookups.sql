-- By these it is found whether a user has other sessions on a day, and other sessions of a title, when one comes or
-- leaves. Made with the first change: they would make a first load of sessions a third longer.
CREATE INDEX IF NOT EXISTS viewing_sessions_user_day_idx ON processed.viewing_sessions (user_id, watch_date);

CREATE INDEX IF NOT EXISTS viewing_sessions_title_user_idx ON processed.viewing_sessions (content_id, user_id);
