-- Viewers by title and by day. Two levels instead of count(DISTINCT): they hash where the other sorts.
CREATE TEMP TABLE new_day_viewers ON COMMIT DROP AS
SELECT watch_date, count(*) AS viewers
FROM (SELECT DISTINCT watch_date, user_id FROM processed.viewing_sessions) AS pairs
GROUP BY watch_date;

INSERT INTO etl.rollup_title_viewers
SELECT content_id, count(*) AS viewers
FROM (SELECT DISTINCT content_id, user_id FROM processed.viewing_sessions) AS pairs
GROUP BY content_id;
