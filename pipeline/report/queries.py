"""What the page asks `trusted` for."""

from __future__ import annotations

from collections.abc import Mapping

LIMITS = {"days": 731, "months": 24, "cohorts": 13, "loads": 200}

# By the name of the table on the page; how many rows are shown is in `LIMITS`.
QUERIES: Mapping[str, str] = {
    "overall": "SELECT * FROM trusted.overall_summary",
    "month_to_date": "SELECT * FROM trusted.month_to_date ORDER BY first_date DESC",
    "devices": """
        SELECT device_type, sessions, avg_duration_minutes, watch_hours, avg_completion
        FROM trusted.device_summary ORDER BY avg_duration_minutes DESC NULLS LAST, device_type
    """,
    "types": """
        SELECT type, avg_completion, avg_duration_minutes, sessions
        FROM trusted.completion_by_content_type ORDER BY type
    """,
    "days": """
        WITH span AS (
            SELECT greatest(min(watch_date), max(watch_date) - %(days)s + 1) AS first_date,
                max(watch_date) AS last_date, min(watch_date) AS first_of_all
            FROM trusted.daily_viewing
        ),

        days AS (
            SELECT
                day::date AS watch_date,
                coalesce(d.sessions, 0) AS sessions,
                coalesce(d.watch_hours, 0) AS watch_hours,
                s.first_date
            FROM span AS s
            CROSS JOIN LATERAL generate_series(
                greatest(s.first_of_all, s.first_date - 6)::timestamp, s.last_date::timestamp, interval '1 day'
            ) AS day
            LEFT JOIN trusted.daily_viewing AS d ON d.watch_date = day::date
        ),

        means AS (
            SELECT
                watch_date,
                sessions,
                round(avg(sessions) OVER week, 2) AS sessions_7_day_mean,
                watch_hours,
                round(avg(watch_hours) OVER week, 2) AS watch_hours_7_day_mean,
                first_date
            FROM days
            WINDOW week AS (ORDER BY watch_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)
        )

        SELECT watch_date, sessions, sessions_7_day_mean, watch_hours, watch_hours_7_day_mean
        FROM means WHERE watch_date >= first_date ORDER BY watch_date
    """,
    "months": "SELECT * FROM trusted.period_summary ORDER BY month DESC LIMIT %(months)s",
    "completion": """
        SELECT type, bucket, sessions,
            round(100.0 * sessions / nullif(sum(sessions) OVER (PARTITION BY type), 0), 2) AS percent
        FROM trusted.completion_distribution ORDER BY type, bucket
    """,
    "top_titles": """
        SELECT t.country, t.rank, t.title, t.content_id, t.sessions, t.watch_hours
        FROM trusted.top_content_by_country AS t
        INNER JOIN trusted.country_engagement AS c ON c.country IS NOT DISTINCT FROM t.country
        ORDER BY c.watch_hours DESC, t.country NULLS LAST, t.rank
    """,
    "genres": """
        SELECT genre, titles, weighted_sessions, avg_completion, watch_hours, total_budget
        FROM trusted.genre_performance ORDER BY weighted_sessions DESC, genre
    """,
    "device_quality": """
        SELECT device_type, quality_level, avg_completion, avg_duration_minutes, sessions, unique_viewers
        FROM trusted.device_engagement ORDER BY device_type, quality_level
    """,
    "plans": """
        SELECT subscription_type, users, active_users, sessions, watch_hours, sessions_per_active_user, avg_completion
        FROM trusted.subscription_engagement ORDER BY users DESC, subscription_type
    """,
    "retention": """
        SELECT cohort_month, month_number, sum(cohort_users)::bigint AS cohort_users,
            sum(active_users)::bigint AS active_users,
            round(100.0 * sum(active_users) / sum(cohort_users), 2) AS retention
        FROM trusted.monthly_retention
        WHERE month_number < %(cohorts)s AND cohort_month IN (
            SELECT DISTINCT cohort_month FROM trusted.monthly_retention ORDER BY cohort_month DESC LIMIT %(cohorts)s
        )
        GROUP BY cohort_month, month_number ORDER BY cohort_month, month_number
    """,
    "segments": """
        SELECT segment, users, round(100.0 * users / sum(users) OVER (), 2) AS percent_of_users, sessions, watch_hours,
            round(100 * watch_hours / nullif(sum(watch_hours) OVER (), 0), 2) AS percent_of_watch_hours
        FROM trusted.segment_summary
        ORDER BY array_position(ARRAY['heavy', 'regular', 'light', 'inactive'], segment)
    """,
    "budgets": """
        SELECT title, content_id, type, production_budget, watch_hours, sessions,
            round(production_budget / nullif(watch_hours, 0), 2) AS budget_per_watch_hour
        FROM trusted.content_summary WHERE production_budget IS NOT NULL ORDER BY watch_hours DESC, content_id
    """,
    "checks": """
        SELECT name, source, CASE WHEN findings = 0 THEN 'passed' ELSE severity END AS result, findings,
            description, last_seen
        FROM trusted.data_quality WHERE severity IN ('error', 'warn') ORDER BY findings = 0, severity, name
    """,
    "rejected": """
        SELECT name AS reason, source, findings AS records, description AS columns, last_seen
        FROM trusted.data_quality WHERE severity = 'rejected' ORDER BY findings DESC, name, source
    """,
    "waiting": """
        SELECT name AS reason, source, findings AS records, last_seen
        FROM trusted.data_quality WHERE severity = 'waiting' ORDER BY findings DESC, name, source
    """,
    "drift": """
        SELECT collection, kind, path, example, batches, first_seen, last_seen
        FROM trusted.schema_drift ORDER BY last_seen DESC, collection, kind, path
    """,
    "files": """
        SELECT f.source, f.table_name, f.rows_read, f.rows_loaded, f.rows_rejected, f.rows_superseded, f.rows_waiting,
            f.difference, f.batch_id, h.finished AS landed
        FROM trusted.file_reconciliation AS f INNER JOIN trusted.load_history AS h USING (batch_id)
        ORDER BY f.difference = 0, f.source
    """,
    "loads": """
        WITH latest AS (
            SELECT DISTINCT ON (task, target_table, source) *
            FROM trusted.load_history WHERE status <> 'running' ORDER BY task, target_table, source, batch_id DESC
        )
        SELECT batch_id, task, source, CASE WHEN refused THEN 'refused' ELSE status END AS status, rows_read,
            rows_loaded, rows_rejected, rows_superseded, rows_waiting,
            rows_read - rows_loaded - rows_rejected - rows_superseded - rows_waiting AS difference,
            finished, seconds, error
        FROM latest ORDER BY status = 'loaded', batch_id DESC LIMIT %(loads)s
    """,
    "lineage": "SELECT * FROM trusted.lineage ORDER BY kind, object, made_from",
}

# Views with a row for each session or user are counted by what sums them up.
COUNTS: Mapping[str, str] = {
    "session_details": "SELECT sessions FROM trusted.overall_summary",
    "user_engagement": "SELECT users FROM trusted.overall_summary",
}
VIEWS = """
    SELECT c.oid, c.relname, obj_description(c.oid, 'pg_class') FROM pg_class AS c
    WHERE c.relnamespace = 'trusted'::regnamespace AND c.relkind IN ('v', 'm') ORDER BY c.relname
"""
# Those of processed, and those of raw that are not declared, as text.
TABLES = """
    SELECT c.oid, n.nspname || '.' || c.relname, obj_description(c.oid, 'pg_class')
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND (n.nspname = 'processed' OR n.nspname = 'raw' AND NOT EXISTS (
        SELECT FROM pg_class AS d INNER JOIN pg_attribute ON attrelid = d.oid AND attname = '_batch_id'
        WHERE d.relname = c.relname AND d.relnamespace = 'processed'::regnamespace
    ))
    ORDER BY n.nspname, c.relname
"""
COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute
    WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
