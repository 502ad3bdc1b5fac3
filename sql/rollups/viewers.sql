-- Viewers by day, or by title. Two levels instead of count(DISTINCT): they hash where the other sorts.
CREATE TEMP TABLE {new_viewers} ON COMMIT DROP AS
SELECT {key}, count(*) AS viewers
FROM (SELECT DISTINCT {key}, user_id FROM processed.viewing_sessions) AS pairs
GROUP BY {key};
