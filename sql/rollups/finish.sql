-- The day that is published, and the minutes up to which an active user is light or regular: by percent_rank, which is
-- the share of the other users who watched less.
WITH ranked AS (
    SELECT
        minutes,
        sum(users) OVER (ORDER BY minutes) - users AS below,
        sum(users) OVER () - 1 AS others
    FROM etl.rollup_minutes
    WHERE users > 0
)

UPDATE etl.rollup_state SET
    day = {day},
    light_minutes = (SELECT max(minutes) FROM ranked WHERE below = 0 OR below * 10 < others * 5),
    regular_minutes = (SELECT max(minutes) FROM ranked WHERE below = 0 OR below * 10 < others * 9);

-- Not TRUNCATE: what others change since the snapshot waits for the next publication.
DELETE FROM etl.session_changes;

DELETE FROM etl.user_changes;
