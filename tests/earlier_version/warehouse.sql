
SELECT pg_catalog.set_config('search_path', '', false);

CREATE SCHEMA etl;

CREATE SCHEMA processed;

CREATE SCHEMA raw;

CREATE SCHEMA trusted;

CREATE FUNCTION etl.clean(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN NULLIF(btrim(value, ' 	
'::text), ''::text);

CREATE FUNCTION etl.date_problem(value text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN (value IS NULL) THEN NULL::text WHEN ((value !~~ '____-__-__'::text) OR (translate(value, '0123456789'::text, ''::text) <> '--'::text)) THEN CASE WHEN (value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]'::text) THEN 'a time where a date belongs'::text ELSE 'not an ISO date (YYYY-MM-DD)'::text END WHEN (NOT pg_input_is_valid(value, 'date'::text)) THEN 'no such day'::text WHEN ((value < '1900-01-01'::text) OR (value > '2100-12-31'::text)) THEN 'out of range: 1900-01-01 to 2100-12-31'::text ELSE NULL::text END;

CREATE FUNCTION etl.ensure_foreign_key(child regclass, columns text, parent regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    constraint_name text := (SELECT relname FROM pg_class WHERE oid = child)
        || '_' || replace(columns, ', ', '_') || '_fkey';
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = child AND conname = constraint_name) THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE format(
            'ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES %s',
            child, constraint_name, columns, parent
        );
    EXCEPTION WHEN foreign_key_violation THEN
        -- The parent was dropped behind the pipeline's back. What refers to it is derived: it is loaded again.
        EXECUTE format('TRUNCATE %s CASCADE', child);
        EXECUTE format(
            'ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES %s',
            child, constraint_name, columns, parent
        );
    END;
END $$;

CREATE FUNCTION etl.key_problem(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (value IS NULL) THEN 'missing'::text WHEN (octet_length(value) > 512) THEN 'longer than 512 bytes'::text ELSE NULL::text END;

CREATE FUNCTION etl.label(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (octet_length(value) > 1000) THEN (("left"(value, 200) || '… '::text) || md5(value)) ELSE value END;

CREATE FUNCTION etl.log_session_changes() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM etl.rollup_state;
        DELETE FROM etl.session_changes;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO etl.session_changes
        SELECT
            -1, user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type,
            quality_level
        FROM old_rows;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO etl.session_changes
        SELECT
            1, user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type,
            quality_level
        FROM new_rows;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION etl.numeric_problem(value text, low numeric, high numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (value IS NULL) THEN NULL::text WHEN (((translate(value, '0123456789'::text, ''::text) <> ALL (ARRAY[''::text, '.'::text])) OR (value = ANY (ARRAY[''::text, '.'::text]))) AND (value !~ '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$'::text)) THEN 'not a number'::text WHEN ((length(value) > 60) OR (((value)::numeric < low) OR ((value)::numeric > high))) THEN ((('out of range: '::text || (low)::text) || ' to '::text) || (high)::text) ELSE NULL::text END;

CREATE FUNCTION etl.problem(column_name text, value text, reason text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN (reason IS NOT NULL) THEN jsonb_build_array(jsonb_build_object('column', column_name, 'value', "left"(value, 1000), 'reason', CASE WHEN (reason = 'missing'::text) THEN (column_name || ' is missing'::text) ELSE reason END)) ELSE '[]'::jsonb END;

CREATE FUNCTION etl.whole(value text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((octet_length(value) <= 9) AND (translate(value, '0123456789'::text, ''::text) = ''::text)) THEN ((value)::integer)::bigint ELSE ((value)::numeric)::bigint END;

CREATE FUNCTION etl.whole_problem(value text, low bigint, high bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (value IS NULL) THEN NULL::text WHEN ((octet_length(value) <= 9) AND (translate(value, '0123456789'::text, ''::text) = ''::text) AND (((value)::integer >= low) AND ((value)::integer <= high))) THEN NULL::text WHEN (value !~ '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$'::text) THEN 'not a number'::text WHEN (value !~ '^[+-]?[0-9]+(\.0+)?$'::text) THEN 'not a whole number'::text WHEN ((length(value) > 60) OR (((value)::numeric < (low)::numeric) OR ((value)::numeric > (high)::numeric))) THEN ((('out of range: '::text || (low)::text) || ' to '::text) || (high)::text) ELSE NULL::text END;

CREATE TABLE etl.batches (
    batch_id bigint NOT NULL,
    task text NOT NULL,
    target_table text NOT NULL,
    source text NOT NULL,
    fingerprint text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    rows_read bigint DEFAULT 0 NOT NULL,
    rows_loaded bigint DEFAULT 0 NOT NULL,
    rows_rejected bigint DEFAULT 0 NOT NULL,
    rows_superseded bigint DEFAULT 0 NOT NULL,
    rows_waiting bigint DEFAULT 0 NOT NULL,
    started timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished timestamp with time zone,
    error text,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT batches_check CHECK (((status <> 'loaded'::text) OR (rows_read = (((rows_loaded + rows_rejected) + rows_superseded) + rows_waiting)))),
    CONSTRAINT batches_status_check CHECK ((status = ANY (ARRAY['running'::text, 'loaded'::text, 'failed'::text])))
);

ALTER TABLE etl.batches ALTER COLUMN batch_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME etl.batches_batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE etl.check_results (
    check_name text NOT NULL,
    target_table text NOT NULL,
    severity text NOT NULL,
    description text NOT NULL,
    findings bigint NOT NULL,
    examples jsonb DEFAULT '[]'::jsonb NOT NULL,
    checked timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_seen timestamp with time zone,
    CONSTRAINT check_results_severity_check CHECK ((severity = ANY (ARRAY['error'::text, 'warn'::text])))
);

CREATE TABLE etl.held_rows (
    table_name text NOT NULL,
    batch_id bigint NOT NULL,
    _row bigint NOT NULL,
    key text NOT NULL,
    status text NOT NULL,
    user_id text,
    content_id text,
    CONSTRAINT held_rows_status_check CHECK ((status = ANY (ARRAY['superseded'::text, 'waiting'::text])))
);

CREATE TABLE etl.rejected_rows (
    reject_id bigint NOT NULL,
    batch_id bigint NOT NULL,
    stage text NOT NULL,
    table_name text NOT NULL,
    source text NOT NULL,
    record bigint,
    document_id text,
    column_name text,
    value text,
    reason text NOT NULL,
    problems jsonb DEFAULT '[]'::jsonb NOT NULL,
    "row" jsonb NOT NULL,
    rejected_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT rejected_rows_stage_check CHECK ((stage = ANY (ARRAY['land'::text, 'extract'::text, 'load'::text])))
);

CREATE TABLE etl.table_updates (
    update_id text NOT NULL,
    target_table text NOT NULL,
    inserted timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    fingerprint text NOT NULL,
    inputs jsonb NOT NULL,
    batch_id bigint,
    holds jsonb DEFAULT '{}'::jsonb NOT NULL,
    objects text[] DEFAULT '{}'::text[] NOT NULL,
    run_date date,
    run_started timestamp with time zone NOT NULL
);

CREATE VIEW etl.file_outcomes AS
 WITH present AS (
         SELECT batches.batch_id,
            batches.source,
            split_part(updates.target_table, '.'::text, 2) AS table_name,
            batches.rows_read
           FROM (etl.table_updates updates
             JOIN etl.batches batches ON ((batches.batch_id = updates.batch_id)))
          WHERE (updates.target_table ~~ 'raw.%'::text)
        ), rejected AS (
         SELECT rejected_rows.batch_id,
            count(*) AS records
           FROM etl.rejected_rows
          GROUP BY rejected_rows.batch_id
        ), held AS (
         SELECT held_rows.batch_id,
            count(*) FILTER (WHERE (held_rows.status = 'superseded'::text)) AS superseded,
            count(*) FILTER (WHERE (held_rows.status = 'waiting'::text)) AS waiting
           FROM etl.held_rows
          GROUP BY held_rows.batch_id
        )
 SELECT present.source,
    present.table_name,
    present.batch_id,
    present.rows_read AS read,
    (((present.rows_read - COALESCE(rejected.records, (0)::bigint)) - COALESCE(held.superseded, (0)::bigint)) - COALESCE(held.waiting, (0)::bigint)) AS loaded,
    COALESCE(rejected.records, (0)::bigint) AS rejected,
    COALESCE(held.superseded, (0)::bigint) AS superseded,
    COALESCE(held.waiting, (0)::bigint) AS waiting
   FROM ((present
     LEFT JOIN rejected ON ((rejected.batch_id = present.batch_id)))
     LEFT JOIN held ON ((held.batch_id = present.batch_id)));

CREATE TABLE etl.merged_batches (
    target_table text NOT NULL,
    batch_id bigint NOT NULL
);

ALTER TABLE etl.rejected_rows ALTER COLUMN reject_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME etl.rejected_rows_reject_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE etl.rollup_days (
    watch_date date NOT NULL,
    sessions bigint NOT NULL,
    minutes bigint,
    durations bigint NOT NULL,
    completion_hundredths bigint,
    completions bigint NOT NULL,
    viewers bigint NOT NULL
);

CREATE TABLE etl.rollup_state (
    built timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE etl.rollup_title_viewers (
    content_id text NOT NULL,
    viewers bigint NOT NULL
);

CREATE TABLE etl.rollup_titles (
    content_id text NOT NULL,
    month date NOT NULL,
    bucket integer,
    sessions bigint NOT NULL,
    minutes bigint,
    durations bigint NOT NULL,
    completion_hundredths bigint,
    completions bigint NOT NULL
);

CREATE TABLE etl.rollup_user_devices (
    user_id text NOT NULL,
    device_type text,
    quality_level text,
    sessions bigint NOT NULL,
    minutes bigint,
    durations bigint NOT NULL,
    completion_hundredths bigint,
    completions bigint NOT NULL,
    last_watch_date date NOT NULL
);

CREATE TABLE etl.rollup_user_months (
    user_id text NOT NULL,
    month date NOT NULL,
    sessions bigint NOT NULL
);

CREATE TABLE etl.session_changes (
    sign smallint NOT NULL,
    user_id text NOT NULL,
    content_id text NOT NULL,
    watch_date date NOT NULL,
    watch_duration_minutes integer,
    completion_percentage numeric(5,2),
    device_type text,
    quality_level text
);

CREATE TABLE processed.content (
    content_id text NOT NULL,
    title text NOT NULL,
    type text NOT NULL,
    release_year smallint,
    rating numeric(3,1),
    production_budget numeric(15,2),
    extra jsonb,
    removed_at timestamp with time zone,
    CONSTRAINT content_production_budget_check CHECK ((production_budget >= (0)::numeric)),
    CONSTRAINT content_rating_check CHECK (((rating >= (0)::numeric) AND (rating <= (10)::numeric))),
    CONSTRAINT content_type_check CHECK ((type = ANY (ARRAY['movie'::text, 'series'::text])))
);

CREATE TABLE processed.episodes (
    content_id text NOT NULL,
    season_number integer NOT NULL,
    episode_number integer NOT NULL,
    title text,
    duration_minutes integer,
    air_date date,
    CONSTRAINT episodes_duration_minutes_check CHECK ((duration_minutes > 0)),
    CONSTRAINT episodes_episode_number_check CHECK ((episode_number >= 0))
);

CREATE TABLE processed.genres (
    content_id text NOT NULL,
    genre text NOT NULL
);

CREATE TABLE processed.movie_details (
    content_id text NOT NULL,
    duration_minutes integer,
    views_count bigint,
    CONSTRAINT movie_details_duration_minutes_check CHECK ((duration_minutes > 0)),
    CONSTRAINT movie_details_views_count_check CHECK ((views_count >= 0))
);

CREATE TABLE processed.seasons (
    content_id text NOT NULL,
    season_number integer NOT NULL,
    episode_count integer NOT NULL,
    CONSTRAINT seasons_episode_count_check CHECK ((episode_count >= 0)),
    CONSTRAINT seasons_season_number_check CHECK ((season_number >= 0))
);

CREATE TABLE processed.series_details (
    content_id text NOT NULL,
    season_count integer,
    avg_episode_duration numeric(6,1),
    total_views bigint,
    CONSTRAINT series_details_avg_episode_duration_check CHECK ((avg_episode_duration > (0)::numeric)),
    CONSTRAINT series_details_season_count_check CHECK ((season_count >= 0)),
    CONSTRAINT series_details_total_views_check CHECK ((total_views >= 0))
);

CREATE TABLE processed.users (
    user_id text NOT NULL,
    age smallint,
    country text,
    subscription_type text,
    registration_date date,
    total_watch_time_hours numeric(10,2),
    _batch_id bigint NOT NULL,
    _row bigint NOT NULL,
    CONSTRAINT users_age_check CHECK (((age >= 0) AND (age <= 120))),
    CONSTRAINT users_total_watch_time_hours_check CHECK ((total_watch_time_hours >= (0)::numeric))
);

CREATE TABLE processed.viewing_sessions (
    session_id text NOT NULL,
    user_id text NOT NULL,
    content_id text NOT NULL,
    watch_date date NOT NULL,
    watch_duration_minutes integer,
    completion_percentage numeric(5,2),
    device_type text,
    quality_level text,
    _batch_id bigint NOT NULL,
    _row bigint NOT NULL,
    CONSTRAINT viewing_sessions_completion_percentage_check CHECK (((completion_percentage >= (0)::numeric) AND (completion_percentage <= (100)::numeric))),
    CONSTRAINT viewing_sessions_watch_duration_minutes_check CHECK ((watch_duration_minutes >= 0))
);

CREATE TABLE raw.users (
    _batch_id bigint NOT NULL,
    _row bigint NOT NULL,
    user_id text,
    age text,
    country text,
    subscription_type text,
    registration_date text,
    total_watch_time_hours text
);

CREATE TABLE raw.viewing_sessions (
    _batch_id bigint NOT NULL,
    _row bigint NOT NULL,
    session_id text,
    user_id text,
    content_id text,
    watch_date text,
    watch_duration_minutes text,
    completion_percentage text,
    device_type text,
    quality_level text
);

CREATE MATERIALIZED VIEW trusted.completion_by_content_type AS
 SELECT c.type,
    (sum(t.sessions))::bigint AS sessions,
    round(((sum(t.completion_hundredths) / (100)::numeric) / NULLIF(sum(t.completions), (0)::numeric)), 2) AS avg_completion,
    round((sum(t.minutes) / NULLIF(sum(t.durations), (0)::numeric)), 2) AS avg_duration_minutes
   FROM (etl.rollup_titles t
     JOIN processed.content c USING (content_id))
  GROUP BY c.type
 HAVING (sum(t.sessions) > (0)::numeric)
  WITH NO DATA;

CREATE MATERIALIZED VIEW trusted.completion_distribution AS
 WITH watched AS (
         SELECT c.type,
            t.bucket,
            (sum(t.sessions))::bigint AS sessions
           FROM (etl.rollup_titles t
             JOIN processed.content c USING (content_id))
          GROUP BY c.type, t.bucket
        ), every_bucket AS (
         SELECT types.type,
            bucket.bucket
           FROM (( SELECT watched.type
                   FROM watched
                  GROUP BY watched.type
                 HAVING (sum(watched.sessions) > (0)::numeric)) types
             CROSS JOIN generate_series(0, 9) bucket(bucket))
        )
 SELECT e.type,
    e.bucket,
    COALESCE(w.sessions, (0)::bigint) AS sessions
   FROM (every_bucket e
     LEFT JOIN watched w USING (type, bucket))
  WITH NO DATA;

CREATE MATERIALIZED VIEW trusted.content_summary AS
 WITH viewing AS (
         SELECT rollup_titles.content_id,
            (sum(rollup_titles.sessions))::bigint AS sessions,
            sum(rollup_titles.minutes) AS minutes,
            ((sum(rollup_titles.completion_hundredths) / (100)::numeric) / NULLIF(sum(rollup_titles.completions), (0)::numeric)) AS avg_completion
           FROM etl.rollup_titles
          GROUP BY rollup_titles.content_id
        ), viewers AS (
         SELECT rollup_title_viewers.content_id,
            (sum(rollup_title_viewers.viewers))::bigint AS unique_viewers
           FROM etl.rollup_title_viewers
          GROUP BY rollup_title_viewers.content_id
        ), genre_lists AS (
         SELECT genres.content_id,
            array_agg(genres.genre ORDER BY (genres.genre COLLATE "C")) AS genres
           FROM processed.genres
          GROUP BY genres.content_id
        ), season_totals AS (
         SELECT seasons.content_id,
            sum(seasons.episode_count) AS episode_count
           FROM processed.seasons
          GROUP BY seasons.content_id
        )
 SELECT c.content_id,
    c.title,
    c.type,
    c.release_year,
    c.rating,
    c.production_budget,
    COALESCE(g.genres, '{}'::text[]) AS genres,
    m.duration_minutes,
    s.season_count,
    t.episode_count,
    COALESCE(m.views_count, s.total_views) AS catalogue_views,
    COALESCE(v.sessions, (0)::bigint) AS sessions,
    COALESCE(w.unique_viewers, (0)::bigint) AS unique_viewers,
    round((COALESCE(v.minutes, (0)::numeric) / 60.0), 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    (c.removed_at IS NOT NULL) AS removed
   FROM ((((((processed.content c
     LEFT JOIN processed.movie_details m USING (content_id))
     LEFT JOIN processed.series_details s USING (content_id))
     LEFT JOIN genre_lists g USING (content_id))
     LEFT JOIN season_totals t USING (content_id))
     LEFT JOIN viewing v USING (content_id))
     LEFT JOIN viewers w USING (content_id))
  WITH NO DATA;

CREATE MATERIALIZED VIEW trusted.country_engagement AS
 WITH viewing AS (
         SELECT rollup_user_devices.user_id,
            (sum(rollup_user_devices.sessions))::bigint AS sessions,
            (sum(rollup_user_devices.minutes))::bigint AS minutes,
            (sum(rollup_user_devices.completion_hundredths))::bigint AS completion_hundredths,
            (sum(rollup_user_devices.completions))::bigint AS completions
           FROM etl.rollup_user_devices
          GROUP BY rollup_user_devices.user_id
        )
 SELECT etl.label(u.country) AS country,
    count(*) AS users,
    count(v.user_id) AS active_users,
    (COALESCE(sum(v.sessions), (0)::numeric))::bigint AS sessions,
    round((COALESCE(sum(v.minutes), (0)::numeric) / (60)::numeric), 2) AS watch_hours,
    round(((sum(v.completion_hundredths) / (100)::numeric) / NULLIF(sum(v.completions), (0)::numeric)), 2) AS avg_completion
   FROM (processed.users u
     LEFT JOIN viewing v USING (user_id))
  GROUP BY u.country
  WITH NO DATA;

CREATE MATERIALIZED VIEW trusted.daily_viewing AS
 SELECT watch_date,
    (sum(sessions))::bigint AS sessions,
    (sum(viewers))::bigint AS unique_viewers,
    round((COALESCE(sum(minutes), (0)::numeric) / (60)::numeric), 2) AS watch_hours,
    round((sum(minutes) / NULLIF(sum(durations), (0)::numeric)), 2) AS avg_duration_minutes,
    round(((sum(completion_hundredths) / (100)::numeric) / NULLIF(sum(completions), (0)::numeric)), 2) AS avg_completion
   FROM etl.rollup_days
  GROUP BY watch_date
 HAVING (sum(sessions) > (0)::numeric)
  WITH NO DATA;

CREATE VIEW trusted.data_quality AS
 WITH checks AS (
         SELECT check_results.check_name AS name,
            check_results.target_table AS source,
            check_results.severity,
            check_results.findings,
            check_results.last_seen,
            check_results.description
           FROM etl.check_results
        ), latest_batches AS (
         SELECT max(b.batch_id) AS batch_id
           FROM etl.batches b
          WHERE ((b.status = 'loaded'::text) OR (EXISTS ( SELECT
                   FROM etl.rejected_rows r
                  WHERE (r.batch_id = b.batch_id))))
          GROUP BY b.target_table, b.source
        ), rejections AS (
         SELECT r.reason AS name,
            r.source,
            'rejected'::text AS severity,
            count(*) AS findings,
            max(r.rejected_at) AS last_seen
           FROM (etl.rejected_rows r
             JOIN latest_batches USING (batch_id))
          GROUP BY r.reason, r.source
        ), waiting AS (
         SELECT
                CASE
                    WHEN (u.user_id IS NULL) THEN 'waiting for user'::text
                    ELSE 'waiting for title'::text
                END AS name,
            b.source,
            'waiting'::text AS severity,
            count(*) AS findings,
            max(COALESCE(b.finished, b.started)) AS last_seen
           FROM ((etl.held_rows h
             JOIN etl.batches b USING (batch_id))
             LEFT JOIN processed.users u USING (user_id))
          WHERE (h.status = 'waiting'::text)
          GROUP BY
                CASE
                    WHEN (u.user_id IS NULL) THEN 'waiting for user'::text
                    ELSE 'waiting for title'::text
                END, b.source
        ), drift AS (
         SELECT concat_ws(' '::text, (d.change ->> 'kind'::text), (d.change ->> 'path'::text)) AS name,
            (d.change ->> 'collection'::text) AS source,
            'drift'::text AS severity,
            count(*) AS findings,
            max(b.finished) AS last_seen,
            ('such as '::text || min((d.change ->> 'example'::text))) AS description
           FROM ((etl.batches b
             JOIN latest_batches USING (batch_id))
             CROSS JOIN LATERAL jsonb_array_elements((b.details -> 'drift'::text)) d(change))
          WHERE (b.status = 'loaded'::text)
          GROUP BY (concat_ws(' '::text, (d.change ->> 'kind'::text), (d.change ->> 'path'::text))), (d.change ->> 'collection'::text)
        )
 SELECT checks.name,
    checks.source,
    checks.severity,
    checks.findings,
    checks.last_seen,
    checks.description
   FROM checks
UNION ALL
 SELECT rejections.name,
    rejections.source,
    rejections.severity,
    rejections.findings,
    rejections.last_seen,
    NULL::text AS description
   FROM rejections
UNION ALL
 SELECT waiting.name,
    waiting.source,
    waiting.severity,
    waiting.findings,
    waiting.last_seen,
    NULL::text AS description
   FROM waiting
UNION ALL
 SELECT drift.name,
    drift.source,
    drift.severity,
    drift.findings,
    drift.last_seen,
    drift.description
   FROM drift;

CREATE MATERIALIZED VIEW trusted.device_engagement AS
 SELECT etl.label(device_type) AS device_type,
    etl.label(quality_level) AS quality_level,
    (sum(sessions))::bigint AS sessions,
    count(*) AS unique_viewers,
    round((sum(minutes) / NULLIF(sum(durations), (0)::numeric)), 2) AS avg_duration_minutes,
    round(((sum(completion_hundredths) / (100)::numeric) / NULLIF(sum(completions), (0)::numeric)), 2) AS avg_completion
   FROM etl.rollup_user_devices v
  GROUP BY device_type, quality_level
  WITH NO DATA;

CREATE VIEW trusted.episode_details AS
 SELECT s.content_id,
    s.season_number,
    e.episode_number,
    c.title AS series_title,
    s.episode_count,
    e.title AS episode_title,
    e.duration_minutes,
    e.air_date
   FROM ((processed.seasons s
     JOIN processed.content c USING (content_id))
     LEFT JOIN processed.episodes e USING (content_id, season_number));

CREATE MATERIALIZED VIEW trusted.genre_performance AS
 WITH viewing_by_title AS (
         SELECT rollup_titles.content_id,
            (sum(rollup_titles.sessions))::bigint AS sessions,
            (sum(rollup_titles.minutes))::bigint AS minutes,
            (sum(rollup_titles.completion_hundredths) / (100)::numeric) AS completion,
            (sum(rollup_titles.completions))::bigint AS completions
           FROM etl.rollup_titles
          GROUP BY rollup_titles.content_id
        ), genre_counts AS (
         SELECT genres.content_id,
            count(*) AS genre_count
           FROM processed.genres
          GROUP BY genres.content_id
        ), titles AS (
         SELECT g.genre,
            COALESCE(n.genre_count, (1)::bigint) AS genre_count,
            c.production_budget,
            COALESCE(v.sessions, (0)::bigint) AS sessions,
            COALESCE(v.minutes, (0)::bigint) AS minutes,
            v.completion,
            v.completions
           FROM (((processed.content c
             LEFT JOIN processed.genres g USING (content_id))
             LEFT JOIN genre_counts n USING (content_id))
             LEFT JOIN viewing_by_title v USING (content_id))
        )
 SELECT genre,
    count(*) AS titles,
    (sum(sessions))::bigint AS sessions,
    round(sum(((sessions)::numeric / (genre_count)::numeric)), 4) AS weighted_sessions,
    round((sum(minutes) / (60)::numeric), 2) AS watch_hours,
    round((sum(completion) / NULLIF(sum(completions), (0)::numeric)), 2) AS avg_completion,
    sum(production_budget) AS total_budget
   FROM titles
  GROUP BY genre
  WITH NO DATA;

CREATE VIEW trusted.load_history AS
 SELECT batch_id,
    task,
    source,
    target_table,
    status,
    rows_read,
    rows_loaded,
    rows_rejected,
    rows_superseded,
    rows_waiting,
    started,
    finished,
    round(EXTRACT(epoch FROM (finished - started)), 2) AS seconds,
    fingerprint,
    error,
    (details -> 'drift'::text) AS drift
   FROM etl.batches;

CREATE MATERIALIZED VIEW trusted.monthly_retention AS
 WITH user_months AS (
         SELECT rollup_user_months.user_id,
            rollup_user_months.month
           FROM etl.rollup_user_months
        ), members AS (
         SELECT f.user_id,
            f.cohort_month,
            u.subscription_type
           FROM (( SELECT user_months.user_id,
                    min(user_months.month) AS cohort_month
                   FROM user_months
                  GROUP BY user_months.user_id) f
             JOIN processed.users u USING (user_id))
        ), cohorts AS (
         SELECT members.cohort_month,
            members.subscription_type,
            count(*) AS cohort_users
           FROM members
          GROUP BY members.cohort_month, members.subscription_type
        ), activity AS (
         SELECT c.cohort_month,
            c.subscription_type,
            (month.month)::date AS month,
            c.cohort_users,
            0 AS active_users
           FROM (cohorts c
             CROSS JOIN LATERAL generate_series((c.cohort_month)::timestamp without time zone, (( SELECT max(user_months.month) AS max
                   FROM user_months))::timestamp without time zone, '1 mon'::interval) month(month))
        UNION ALL
         SELECT m.cohort_month,
            m.subscription_type,
            a_1.month,
            0,
            count(*) AS count
           FROM (user_months a_1
             JOIN members m USING (user_id))
          GROUP BY m.cohort_month, m.subscription_type, a_1.month
        )
 SELECT cohort_month,
    etl.label(subscription_type) AS subscription_type,
    (((((12)::numeric * (EXTRACT(year FROM month) - EXTRACT(year FROM cohort_month))) + EXTRACT(month FROM month)) - EXTRACT(month FROM cohort_month)))::integer AS month_number,
    max(cohort_users) AS cohort_users,
    (sum(active_users))::bigint AS active_users,
    round((((100)::numeric * sum(active_users)) / (max(cohort_users))::numeric), 2) AS retention
   FROM activity a
  GROUP BY cohort_month, subscription_type, month
  WITH NO DATA;

CREATE MATERIALIZED VIEW trusted.period_summary AS
 WITH viewing AS (
         SELECT (date_trunc('month'::text, (rollup_days.watch_date)::timestamp without time zone))::date AS month,
            (sum(rollup_days.sessions))::bigint AS sessions,
            sum(rollup_days.minutes) AS minutes,
            ((sum(rollup_days.completion_hundredths) / (100)::numeric) / NULLIF(sum(rollup_days.completions), (0)::numeric)) AS avg_completion
           FROM etl.rollup_days
          GROUP BY ((date_trunc('month'::text, (rollup_days.watch_date)::timestamp without time zone))::date)
         HAVING (sum(rollup_days.sessions) > (0)::numeric)
        ), viewers AS (
         SELECT rollup_user_months.month,
            count(*) AS active_users
           FROM etl.rollup_user_months
          GROUP BY rollup_user_months.month
        ), newcomers AS (
         SELECT first_months.month,
            count(*) AS new_users
           FROM ( SELECT min(rollup_user_months.month) AS month
                   FROM etl.rollup_user_months
                  GROUP BY rollup_user_months.user_id) first_months
          GROUP BY first_months.month
        ), titles AS (
         SELECT title_months.month,
            count(*) AS titles_watched
           FROM ( SELECT rollup_titles.content_id,
                    rollup_titles.month
                   FROM etl.rollup_titles
                  GROUP BY rollup_titles.content_id, rollup_titles.month
                 HAVING (sum(rollup_titles.sessions) > (0)::numeric)) title_months
          GROUP BY title_months.month
        )
 SELECT v.month,
    v.sessions,
    w.active_users,
    COALESCE(n.new_users, (0)::bigint) AS new_users,
    round((COALESCE(v.minutes, (0)::numeric) / (60)::numeric), 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    t.titles_watched
   FROM (((viewing v
     JOIN viewers w USING (month))
     JOIN titles t USING (month))
     LEFT JOIN newcomers n USING (month))
  WITH NO DATA;

CREATE VIEW trusted.session_details AS
 SELECT s.session_id,
    s.user_id,
    s.content_id,
    s.watch_date,
    s.watch_duration_minutes,
    s.completion_percentage,
    s.device_type,
    s.quality_level,
    u.country,
    u.subscription_type,
    u.age,
    c.title,
    c.type,
    c.release_year
   FROM ((processed.viewing_sessions s
     JOIN processed.users u USING (user_id))
     JOIN processed.content c USING (content_id));

CREATE MATERIALIZED VIEW trusted.subscription_engagement AS
 WITH viewing AS (
         SELECT rollup_user_devices.user_id,
            (sum(rollup_user_devices.sessions))::bigint AS sessions,
            (sum(rollup_user_devices.minutes))::bigint AS minutes,
            (sum(rollup_user_devices.completion_hundredths))::bigint AS completion_hundredths,
            (sum(rollup_user_devices.completions))::bigint AS completions
           FROM etl.rollup_user_devices
          GROUP BY rollup_user_devices.user_id
        )
 SELECT etl.label(u.subscription_type) AS subscription_type,
    count(*) AS users,
    count(v.user_id) AS active_users,
    (COALESCE(sum(v.sessions), (0)::numeric))::bigint AS sessions,
    round((COALESCE(sum(v.minutes), (0)::numeric) / (60)::numeric), 2) AS watch_hours,
    round(((sum(v.completion_hundredths) / (100)::numeric) / NULLIF(sum(v.completions), (0)::numeric)), 2) AS avg_completion,
    round((sum(v.sessions) / (NULLIF(count(v.user_id), 0))::numeric), 2) AS sessions_per_active_user
   FROM (processed.users u
     LEFT JOIN viewing v USING (user_id))
  GROUP BY u.subscription_type
  WITH NO DATA;

CREATE MATERIALIZED VIEW trusted.top_content_by_country AS
 WITH viewing AS (
         SELECT u.country,
            s.content_id,
            count(*) AS sessions,
            COALESCE(sum(s.watch_duration_minutes), (0)::bigint) AS minutes
           FROM (processed.viewing_sessions s
             JOIN processed.users u USING (user_id))
          GROUP BY u.country, s.content_id
        ), ranked AS (
         SELECT viewing.country,
            viewing.content_id,
            viewing.sessions,
            viewing.minutes,
            row_number() OVER (PARTITION BY viewing.country ORDER BY viewing.minutes DESC, (viewing.content_id COLLATE "C")) AS rank
           FROM viewing
        )
 SELECT etl.label(r.country) AS country,
    (r.rank)::integer AS rank,
    r.content_id,
    c.title,
    r.sessions,
    round(((r.minutes)::numeric / 60.0), 2) AS watch_hours
   FROM (ranked r
     JOIN processed.content c USING (content_id))
  WHERE (r.rank <= 10)
  WITH NO DATA;

CREATE MATERIALIZED VIEW trusted.user_engagement AS
 WITH viewing_by_device AS (
         SELECT rollup_user_devices.user_id,
            rollup_user_devices.device_type,
            (sum(rollup_user_devices.sessions))::bigint AS sessions,
            (COALESCE(sum(rollup_user_devices.minutes), (0)::numeric))::bigint AS minutes,
            (sum(rollup_user_devices.completion_hundredths))::bigint AS completion_hundredths,
            (sum(rollup_user_devices.completions))::bigint AS completions,
            max(rollup_user_devices.last_watch_date) AS last_watch_date
           FROM etl.rollup_user_devices
          GROUP BY rollup_user_devices.user_id, rollup_user_devices.device_type
        ), viewing AS (
         SELECT viewing_by_device.user_id,
            (sum(viewing_by_device.sessions))::bigint AS sessions,
            sum(viewing_by_device.minutes) AS minutes,
            ((sum(viewing_by_device.completion_hundredths) / (100)::numeric) / NULLIF(sum(viewing_by_device.completions), (0)::numeric)) AS avg_completion,
            max(viewing_by_device.last_watch_date) AS last_watch_date
           FROM viewing_by_device
          GROUP BY viewing_by_device.user_id
        ), favourites AS (
         SELECT DISTINCT ON ((viewing_by_device.user_id COLLATE "C")) viewing_by_device.user_id,
            viewing_by_device.device_type AS favourite_device
           FROM viewing_by_device
          WHERE (viewing_by_device.device_type IS NOT NULL)
          ORDER BY (viewing_by_device.user_id COLLATE "C"), viewing_by_device.sessions DESC, viewing_by_device.minutes DESC, (viewing_by_device.device_type COLLATE "C")
        ), standings AS (
         SELECT viewing.user_id,
            percent_rank() OVER (ORDER BY viewing.minutes) AS standing
           FROM viewing
        )
 SELECT u.user_id,
    u.country,
    u.subscription_type,
    COALESCE(v.sessions, (0)::bigint) AS sessions,
    round((COALESCE(v.minutes, (0)::numeric) / (60)::numeric), 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    v.last_watch_date,
    f.favourite_device,
        CASE
            WHEN (v.user_id IS NULL) THEN 'inactive'::text
            WHEN (s.standing < (0.5)::double precision) THEN 'light'::text
            WHEN (s.standing < (0.9)::double precision) THEN 'regular'::text
            ELSE 'heavy'::text
        END AS segment
   FROM (((processed.users u
     LEFT JOIN viewing v USING (user_id))
     LEFT JOIN standings s USING (user_id))
     LEFT JOIN favourites f USING (user_id))
  WITH NO DATA;

INSERT INTO etl.batches OVERRIDING SYSTEM VALUE VALUES
	(1, 'CreatePostgresTables', 'etl.table_updates', 'CreatePostgresTables', 'c2dcada1a261b71700b2f60fe918551b', 'loaded', 0, 0, 0, 0, 0, '2026-11-26 11:04:43.139131+00', '2026-11-26 11:04:43.144879+00', NULL, '{}'),
	(2, 'LoadCsvToPostgres', 'raw.viewing_sessions', 'viewing_sessions-3.csv', 'f9ebe43d03782b6c54cbbe1fe8adc206', 'loaded', 3, 3, 0, 0, 0, '2026-11-26 11:04:43.405643+00', '2026-11-26 11:04:43.461162+00', NULL, '{}'),
	(4, 'LoadCsvToPostgres', 'raw.viewing_sessions', 'viewing_sessions.csv', 'd999804eb2f2f9d9eac43eec9171ddb3', 'loaded', 2, 2, 0, 0, 0, '2026-11-26 11:04:43.6497+00', '2026-11-26 11:04:43.70763+00', NULL, '{}'),
	(5, 'LoadCsvToPostgres', 'raw.viewing_sessions', 'viewing_sessions-2.csv', '9b9e96513a8f74319ddd217aa1001f4b', 'loaded', 1, 1, 0, 0, 0, '2026-11-26 11:04:43.909538+00', '2026-11-26 11:04:43.989803+00', NULL, '{}'),
	(3, 'LoadJsonToMongo', 'MongoDB', 'content.json', '810d5af88d9a8d8095e23257d60971cf', 'loaded', 3, 2, 1, 0, 0, '2026-11-26 11:04:43.603456+00', '2026-11-26 11:04:44.225566+00', NULL, '{}'),
	(6, 'LoadCsvToPostgres', 'raw.users', 'users.csv', '8c1f10a0d447ec08f06ad3cd598b61f8', 'loaded', 3, 3, 0, 0, 0, '2026-11-26 11:04:44.195519+00', '2026-11-26 11:04:44.229965+00', NULL, '{}'),
	(8, 'LoadUsers', 'processed.users', 'raw.users', '2d161ffc5dbb18d6f6f82fc6764698eb', 'loaded', 3, 2, 1, 0, 0, '2026-11-26 11:04:44.698903+00', '2026-11-26 11:04:44.932338+00', NULL, '{}'),
	(7, 'ExtractMongoToCsv', 'data/processed/2026-03-01', 'MongoDB embedded/video_streaming', 'd092969ccf0b55fac4ead59aba150638', 'loaded', 2, 2, 0, 0, 0, '2026-11-26 11:04:44.637332+00', '2026-11-26 11:04:45.154549+00', NULL, '{"fields": {"movies": ["content.content_id", "content.release_year", "content.title", "content.type", "genres.content_id", "genres.genre", "movie_details.content_id", "movie_details.duration_minutes"], "series": ["content.content_id", "content.title", "content.type", "genres.content_id", "genres.genre", "seasons.content_id", "seasons.episode_count", "seasons.season_number", "series_details.avg_episode_duration", "series_details.content_id", "series_details.season_count"]}}'),
	(9, 'LoadNormalizedJsonsToPostgres', 'processed.content', 'LoadNormalizedJsonsToPostgres', '6134cfc777a6dcbac1b5acea2252612a', 'loaded', 2, 2, 0, 0, 0, '2026-11-26 11:04:45.301716+00', '2026-11-26 11:04:45.752807+00', NULL, '{"drift": []}'),
	(10, 'LoadViewingSessions', 'processed.viewing_sessions', 'raw.viewing_sessions', 'd18e3a6907e1cec62aff921acbd86c38', 'loaded', 6, 4, 1, 0, 1, '2026-11-26 11:04:45.92754+00', '2026-11-26 11:04:46.186046+00', NULL, '{}'),
	(11, 'CheckQuality', 'etl.check_results', 'processed', '44bd70a55796e340b37ad19c79d91c34', 'loaded', 0, 0, 0, 0, 0, '2026-11-26 11:04:46.342989+00', '2026-11-26 11:04:46.405763+00', NULL, '{"findings": {"quality/users_reconcile": 0, "quality/days_without_sessions": 0, "quality/completion_missing_share": 0, "quality/viewing_sessions_reconcile": 0}}'),
	(12, 'PublishTrusted', 'trusted', 'processed', '246518c7787435e2b2b5d6f42e4aef50', 'loaded', 43, 43, 0, 0, 0, '2026-11-26 11:04:46.597668+00', '2026-11-26 11:04:47.389196+00', NULL, '{}'),
	(13, 'BuildReport', 'data/reports/2026-03-01', 'trusted', '2be6555913e580c9ef8ef9070eb4b03d', 'loaded', 4, 4, 0, 0, 0, '2026-11-26 11:04:47.625394+00', '2026-11-26 11:05:25.309038+00', NULL, '{}');

INSERT INTO etl.check_results VALUES
	('users/registered_in_future', 'users', 'warn', 'A user registers on a day that has begun nowhere on earth (UTC+14).', 0, '[]', '2026-11-26 11:04:44.930113+00', NULL),
	('content/details_of_other_type', 'content', 'error', 'A movie has details or seasons of a series, or a series has details of a movie.', 0, '[]', '2026-11-26 11:04:45.709146+00', NULL),
	('content/episode_count_disagrees', 'content', 'warn', 'A season with rows in episodes has another number of them than its episode count says.', 0, '[]', '2026-11-26 11:04:45.712702+00', NULL),
	('content/movie_without_details', 'content', 'error', 'A movie of the catalogue has no row in movie_details.', 0, '[]', '2026-11-26 11:04:45.71666+00', NULL),
	('content/release_year_in_future', 'content', 'warn', 'A title of the catalogue is to be released after this year.', 0, '[]', '2026-11-26 11:04:45.721759+00', NULL),
	('content/same_title_twice', 'content', 'warn', 'Titles of the catalogue share title, type and release year under different ids.', 0, '[]', '2026-11-26 11:04:45.72278+00', NULL),
	('content/season_count_disagrees', 'content', 'warn', 'The season count of a series is not the number of its rows in seasons.', 0, '[]', '2026-11-26 11:04:45.727166+00', NULL),
	('content/series_without_details', 'content', 'error', 'A series of the catalogue has no row in series_details.', 0, '[]', '2026-11-26 11:04:45.738876+00', NULL),
	('viewing_sessions/before_registration', 'viewing_sessions', 'warn', 'A session took place before its user registered.', 0, '[]', '2026-11-26 11:04:46.171537+00', NULL),
	('viewing_sessions/before_release', 'viewing_sessions', 'warn', 'A session took place before the year its title was released.', 0, '[]', '2026-11-26 11:04:46.176117+00', NULL),
	('viewing_sessions/longer_than_a_day', 'viewing_sessions', 'warn', 'A session lasts longer than 24 hours.', 0, '[]', '2026-11-26 11:04:46.180649+00', NULL),
	('viewing_sessions/longer_than_movie', 'viewing_sessions', 'warn', 'A session lasts over 10 percent longer than the movie that was watched.', 0, '[]', '2026-11-26 11:04:46.184637+00', NULL),
	('viewing_sessions/watched_in_future', 'viewing_sessions', 'warn', 'A session is dated on a day that has begun nowhere on earth (UTC+14).', 0, '[]', '2026-11-26 11:04:46.185608+00', NULL),
	('quality/completion_missing_share', 'quality', 'warn', 'More than 20 percent of the sessions of a kind of device have no completion (from 100 sessions on).', 0, '[]', '2026-11-26 11:04:46.376835+00', NULL),
	('quality/days_without_sessions', 'quality', 'warn', 'A day among the last 60 days of the data has no session: a file may be missing.', 0, '[]', '2026-11-26 11:04:46.383016+00', NULL),
	('quality/users_reconcile', 'quality', 'error', 'A merged file has another number of rows in raw than in processed, rejected and held back together.', 0, '[]', '2026-11-26 11:04:46.389337+00', NULL),
	('quality/viewing_sessions_reconcile', 'quality', 'error', 'A merged file has another number of rows in raw than in processed, rejected and held back together.', 0, '[]', '2026-11-26 11:04:46.404914+00', NULL);

INSERT INTO etl.held_rows VALUES
	('viewing_sessions', 2, 2, 'S5', 'waiting', 'U9', 'M1');

INSERT INTO etl.merged_batches VALUES
	('processed.users', 6),
	('processed.viewing_sessions', 5),
	('processed.viewing_sessions', 2),
	('processed.viewing_sessions', 4);

INSERT INTO etl.rejected_rows OVERRIDING SYSTEM VALUE VALUES
	(1, 3, 'land', 'movies', 'content.json', 2, 'M0', 'title', NULL, 'title is missing', '[{"value": null, "column": "title", "reason": "title is missing"}]', '{"content_id": "M0"}', '2026-11-26 11:04:44.064958+00'),
	(2, 6, 'load', 'users', 'users.csv', 3, NULL, 'age', '300', 'out of range: 0 to 120', '[{"value": "300", "column": "age", "reason": "out of range: 0 to 120"}]', '{"age": "300", "country": "Peru", "user_id": "U3", "registration_date": "2023-01-01", "subscription_type": "Basic", "total_watch_time_hours": "1.5"}', '2026-11-26 11:04:44.840091+00'),
	(3, 2, 'load', 'viewing_sessions', 'viewing_sessions-3.csv', 3, NULL, 'watch_date', 'soon', 'not an ISO date (YYYY-MM-DD)', '[{"value": "soon", "column": "watch_date", "reason": "not an ISO date (YYYY-MM-DD)"}]', '{"user_id": "U1", "content_id": "M1", "session_id": "S6", "watch_date": "soon", "device_type": "Mobile", "quality_level": "HD", "completion_percentage": "50.5", "watch_duration_minutes": "50"}', '2026-11-26 11:04:46.098723+00');

INSERT INTO etl.rollup_days VALUES
	('2024-05-01', 1, 50, 1, 5050, 1, 1),
	('2024-05-02', 1, 50, 1, 5050, 1, 1),
	('2024-05-03', 1, 50, 1, 5050, 1, 1),
	('2024-05-04', 1, 50, 1, 5050, 1, 1);

INSERT INTO etl.rollup_state VALUES
	('2026-11-26 11:04:46.64139+00');

INSERT INTO etl.rollup_title_viewers VALUES
	('M1', 2),
	('T1', 1);

INSERT INTO etl.rollup_titles VALUES
	('T1', '2024-05-01', 5, 1, 50, 1, 5050, 1),
	('M1', '2024-05-01', 5, 3, 150, 3, 15150, 3);

INSERT INTO etl.rollup_user_devices VALUES
	('U1', 'Mobile', 'HD', 2, 100, 2, 10100, 2, '2024-05-04'),
	('U2', 'Mobile', 'HD', 2, 100, 2, 10100, 2, '2024-05-03');

INSERT INTO etl.rollup_user_months VALUES
	('U1', '2024-05-01', 2),
	('U2', '2024-05-01', 2);

INSERT INTO etl.table_updates VALUES
	('CreatePostgresTables', 'etl.table_updates', '2026-11-26 11:04:43.151018+00', 'c2dcada1a261b71700b2f60fe918551b', '{"sql raw/users.sql": "a44c887e24f8b28a0bbeb919d00bff27", "sql etl/labels.sql": "1472609629e0104e72317aee994ba626", "sql etl/typing.sql": "8696f6757483bdda6b7da45eb851e14f", "sql etl/batches.sql": "632de17937f99aa680a5a4880cb91f8c", "sql etl/rollups.sql": "d14bcd7a8db48a957227b9f7309a3eb6", "sql etl/00_schema.sql": "1333427bc7d9dc694baf43fb70608244", "sql etl/held_rows.sql": "ce0acc7611086167ea79599c6355fdaf", "sql raw/00_schema.sql": "81ef28f902f253383a74e25fee89510b", "sql etl/constraints.sql": "8e671358fc1a9fc2d99da3fbeb86ccd2", "sql processed/users.sql": "e6aade74d59872b45ff92ccbe9cf98cc", "sql processed/genres.sql": "2735c012c8b85bf9c74193c7182372f1", "sql etl/check_results.sql": "16ddfd2495813eb7f91993c11591a366", "sql etl/rejected_rows.sql": "709945f45730489a1ea2656e41bbd737", "sql etl/table_updates.sql": "e735deebf84046ba6e87fefa163791cf", "sql processed/content.sql": "1bf9bd2f8a8c60ca0fbe29d9f563af0f", "sql processed/seasons.sql": "55b4f3570dc28207dc1a08c207a6dc81", "sql trusted/00_schema.sql": "4bc7f3e42cdf284935899f04f6a62c57", "sql etl/merged_batches.sql": "34a5584f8c95e01786b5b3b00abc7745", "sql processed/episodes.sql": "eecc57ba62674615db15e89f6c0b608d", "sql processed/00_schema.sql": "5a16adcdd1604a9f5f51fb74062dc212", "module pipeline.loads.tables": "df427e2012f84de30b947369d5e0c447", "sql raw/viewing_sessions.sql": "27e2261f53a60816ee16ecda9ba331e1", "sql etl/view_file_outcomes.sql": "0103260f9d86abd721e40242fbb133ca", "sql processed/movie_details.sql": "6b6e6fc90b8137db0b587f5fa7c092b4", "sql processed/series_details.sql": "b5d8a408a96ef5a94d583c8961819239", "sql processed/viewing_sessions.sql": "9c2eab9a6fcfa4f6647b5e48a42c32fc"}', 1, '{}', '{etl.batches,etl.batches_check,etl.batches_pkey,etl.batches_refused_idx,etl.batches_running_idx,etl.batches_status_check,etl.check_results,etl.check_results_pkey,etl.check_results_severity_check,etl.file_outcomes,etl.held_rows,etl.held_rows_key_idx,etl.held_rows_pkey,etl.held_rows_status_check,etl.held_rows_waiting_user_idx,etl.merged_batches,etl.merged_batches_pkey,etl.rejected_rows,etl.rejected_rows_batch_id_fkey,etl.rejected_rows_batch_id_idx,etl.rejected_rows_pkey,etl.rejected_rows_stage_check,etl.rollup_days,etl.rollup_state,etl.rollup_title_viewers,etl.rollup_titles,etl.rollup_user_devices,etl.rollup_user_months,etl.session_changes,etl.table_updates,etl.table_updates_pkey,processed.content,processed.content_pkey,processed.content_production_budget_check,processed.content_rating_check,processed.content_type_check,processed.episodes,processed.episodes_content_id_season_number_fkey,processed.episodes_duration_minutes_check,processed.episodes_episode_number_check,processed.episodes_pkey,processed.genres,processed.genres_content_id_fkey,processed.genres_pkey,processed.movie_details,processed.movie_details_content_id_fkey,processed.movie_details_duration_minutes_check,processed.movie_details_pkey,processed.movie_details_views_count_check,processed.seasons,processed.seasons_content_id_fkey,processed.seasons_episode_count_check,processed.seasons_pkey,processed.seasons_season_number_check,processed.series_details,processed.series_details_avg_episode_duration_check,processed.series_details_content_id_fkey,processed.series_details_pkey,processed.series_details_season_count_check,processed.series_details_total_views_check,processed.users,processed.users_age_check,processed.users_batch_id_idx,processed.users_pkey,processed.users_total_watch_time_hours_check,processed.viewing_sessions,processed.viewing_sessions_batch_id_idx,processed.viewing_sessions_completion_percentage_check,processed.viewing_sessions_content_id_fkey,processed.viewing_sessions_pkey,processed.viewing_sessions_user_id_fkey,processed.viewing_sessions_user_id_idx,processed.viewing_sessions_watch_duration_minutes_check,raw.users,raw.viewing_sessions}', NULL, '2026-11-26 11:04:30.127165+00'),
	('LoadCsvToPostgres:viewing_sessions-3.csv', 'raw.viewing_sessions', '2026-11-26 11:04:43.473733+00', 'f9ebe43d03782b6c54cbbe1fe8adc206', '{"content": "0962fccfccb1b2fc4e2c62832ebd82b6", "module pipeline.sources.files": "b771c8ddf0611e36f8e6b13116dfe8ed", "module pipeline.loads.raw_table": "1b2ab08b66272f3ec6219b471fe9c18f", "module pipeline.sources.csv_files": "203c2e1373a05d87350d344ef5701089"}', 2, '{"raw.viewing_sessions": 3}', '{}', NULL, '2026-11-26 11:04:30.127165+00'),
	('LoadCsvToPostgres:viewing_sessions.csv', 'raw.viewing_sessions', '2026-11-26 11:04:43.713023+00', 'd999804eb2f2f9d9eac43eec9171ddb3', '{"content": "8a01cd6836687e26c9e318b710c3f6c4", "module pipeline.sources.files": "b771c8ddf0611e36f8e6b13116dfe8ed", "module pipeline.loads.raw_table": "1b2ab08b66272f3ec6219b471fe9c18f", "module pipeline.sources.csv_files": "203c2e1373a05d87350d344ef5701089"}', 4, '{"raw.viewing_sessions": 2}', '{}', NULL, '2026-11-26 11:04:30.127165+00'),
	('LoadCsvToPostgres:viewing_sessions-2.csv', 'raw.viewing_sessions', '2026-11-26 11:04:43.990409+00', '9b9e96513a8f74319ddd217aa1001f4b', '{"content": "4e32be9b5c96903233fc13e96adac69d", "module pipeline.sources.files": "b771c8ddf0611e36f8e6b13116dfe8ed", "module pipeline.loads.raw_table": "1b2ab08b66272f3ec6219b471fe9c18f", "module pipeline.sources.csv_files": "203c2e1373a05d87350d344ef5701089"}', 5, '{"raw.viewing_sessions": 1}', '{}', NULL, '2026-11-26 11:04:30.127165+00'),
	('LoadJsonToMongo:content.json in embedded/video_streaming', 'MongoDB', '2026-11-26 11:04:44.228914+00', '810d5af88d9a8d8095e23257d60971cf', '{"content": "a737f198abbd323f8b4ccbdf8cfe3bb0", "module pipeline.sources.files": "b771c8ddf0611e36f8e6b13116dfe8ed", "module pipeline.loads.storable": "e5915469745c62e1a1775f059b7018e6", "module pipeline.loads.documents": "653722cea22df2f68c7f488e9f87a75a", "module pipeline.sources.documents": "21967745bac13828e0bb107e74891602", "module pipeline.sources.json_text": "e384e0ebfa43c60cbb4306e3e4aa1c22", "module pipeline.sources.json_files": "cead94ee01dec74d0fb0ad03e253e09a", "module pipeline.sources.normalizer": "f4f11e1bb2530287eec7d88ae918febd", "module pipeline.sources.extended_json": "e12ccb22cd8bfdfe74f0ad857164d547", "module pipeline.loads.document_batches": "5ffd5cc85d8035f2ec2d77037f1cabba", "module pipeline.sources.document_fields": "e76fbe2bfa4fce0018b7eadffe0fd584", "module pipeline.sources.document_values": "b2b24c4d2387f4f1642d74759e18322c", "module pipeline.sources.document_problems": "ca7f1fd16d355b056ca337610588793f"}', 3, '{}', '{}', NULL, '2026-11-26 11:04:30.127165+00'),
	('LoadCsvToPostgres:users.csv', 'raw.users', '2026-11-26 11:04:44.231952+00', '8c1f10a0d447ec08f06ad3cd598b61f8', '{"content": "e8e1ea33c7f5c52db488c9df872c6590", "module pipeline.sources.files": "b771c8ddf0611e36f8e6b13116dfe8ed", "module pipeline.loads.raw_table": "1b2ab08b66272f3ec6219b471fe9c18f", "module pipeline.sources.csv_files": "203c2e1373a05d87350d344ef5701089"}', 6, '{"raw.users": 3}', '{}', NULL, '2026-11-26 11:04:30.127165+00'),
	('LoadUsers', 'processed.users', '2026-11-26 11:04:44.933115+00', '2d161ffc5dbb18d6f6f82fc6764698eb', '{"task users.csv": "8c1f10a0d447ec08f06ad3cd598b61f8", "sql etl/typing.sql": "8696f6757483bdda6b7da45eb851e14f", "sql load/merge.sql": "3fccac28f7f89ba970e522da456738e0", "sql load/reject.sql": "39532b7752da9b7e1abbdf940c2e638c", "sql load/outcome.sql": "179a0a9765be54b1decedb532dc7f0ea", "sql load/bulk_rest.sql": "cbc437314f71f2e06623df696e06f397", "sql load/raw_index.sql": "e426f44d054acc3ba3b84ac36a6eba1c", "sql load/bulk_begin.sql": "14ac8db59783a72e2c1fb596c7b7cb3e", "sql load/candidates.sql": "5646696033cd1f7e5e9e8c8531469303", "sql processed/users.sql": "e6aade74d59872b45ff92ccbe9cf98cc", "sql load/bulk_dedupe.sql": "a9c22ab27a95ee394f78dd0ee350adb4", "sql load/bulk_insert.sql": "d8b4a240809a2ac0d030c095ee19b9b4", "sql load/typed_users.sql": "c9d0667c9b04bb01e30b7053f6e6e84b", "module pipeline.loads.bulk": "aa934333dfc807af49e6eaa8ca9433d6", "module pipeline.loads.merge": "19f77e07d952b0a68e87d05d9da6baab", "sql load/withdraw_users.sql": "4f890411d46381ea2758a254d51b21b2", "sql load/changed_batches.sql": "c4e2ad6d312f90d9b86c81a1ccf947db", "sql checks/users/registered_in_future.sql": "4fc3ce5156e49e4d8441d47b36821ef1"}', 8, '{"processed.users": 2}', '{processed.users_age_check,processed.users_batch_id_idx,processed.users_pkey,processed.users_total_watch_time_hours_check}', NULL, '2026-11-26 11:04:30.127165+00'),
	('ExtractMongoToCsv /srv/pipeline/data/processed/2026-03-01', 'data/processed/2026-03-01', '2026-11-26 11:04:45.157492+00', 'd092969ccf0b55fac4ead59aba150638', '{"date": "2026-03-01", "MongoDB": "embedded/video_streaming", "task content.json": "810d5af88d9a8d8095e23257d60971cf", "module pipeline.sources.documents": "21967745bac13828e0bb107e74891602", "module pipeline.sources.extraction": "20e21bbde2199ed6adda58edcd32380d", "module pipeline.sources.normalizer": "f4f11e1bb2530287eec7d88ae918febd", "module pipeline.sources.extended_json": "e12ccb22cd8bfdfe74f0ad857164d547", "module pipeline.sources.document_fields": "e76fbe2bfa4fce0018b7eadffe0fd584", "module pipeline.sources.document_values": "b2b24c4d2387f4f1642d74759e18322c", "module pipeline.sources.document_problems": "ca7f1fd16d355b056ca337610588793f"}', 7, '{}', '{}', '2026-03-01', '2026-11-26 11:04:30.127165+00'),
	('LoadNormalizedJsonsToPostgres', 'processed.content', '2026-11-26 11:04:45.757798+00', '6134cfc777a6dcbac1b5acea2252612a', '{"task ExtractMongoToCsv": "d092969ccf0b55fac4ead59aba150638", "sql load/sync_delete.sql": "04f3098c41667a27f61f70a0a9b2f333", "sql load/sync_upsert.sql": "8b5cad15d8be73162be2462a2b5796f0", "sql processed/genres.sql": "2735c012c8b85bf9c74193c7182372f1", "sql processed/content.sql": "1bf9bd2f8a8c60ca0fbe29d9f563af0f", "sql processed/seasons.sql": "55b4f3570dc28207dc1a08c207a6dc81", "sql processed/episodes.sql": "eecc57ba62674615db15e89f6c0b608d", "sql load/content_removed.sql": "19cec274ec0bc1798d341ecfdb68e321", "module pipeline.loads.catalogue": "104efeaf0f24603d46f85c99a8697226", "sql processed/movie_details.sql": "6b6e6fc90b8137db0b587f5fa7c092b4", "sql processed/series_details.sql": "b5d8a408a96ef5a94d583c8961819239", "sql checks/content/same_title_twice.sql": "52772736b5eebbfe78af69cd32973f6c", "sql checks/content/details_of_other_type.sql": "589ddc6f37293207107272755be9f9ea", "sql checks/content/movie_without_details.sql": "370769fab614b1182aee4702dec51e98", "sql checks/content/release_year_in_future.sql": "b4730ce48ad5f7045e078929b4c29be9", "sql checks/content/season_count_disagrees.sql": "5cd1e60565feb5252d0aa222fed41cc2", "sql checks/content/series_without_details.sql": "b380747e11bc1133872de6f84566e9c5", "sql checks/content/episode_count_disagrees.sql": "3c2f2ccc60fc72dbf15dbe229ebb22b7"}', 9, '{"processed.genres": 2, "processed.content": 2, "processed.seasons": 2, "processed.episodes": 0, "processed.movie_details": 1, "processed.series_details": 1}', '{processed.content_pkey,processed.content_production_budget_check,processed.content_rating_check,processed.content_type_check,processed.movie_details_content_id_fkey,processed.movie_details_duration_minutes_check,processed.movie_details_pkey,processed.movie_details_views_count_check,processed.series_details_avg_episode_duration_check,processed.series_details_content_id_fkey,processed.series_details_pkey,processed.series_details_season_count_check,processed.series_details_total_views_check,processed.genres_content_id_fkey,processed.genres_pkey,processed.seasons_content_id_fkey,processed.seasons_episode_count_check,processed.seasons_pkey,processed.seasons_season_number_check,processed.episodes_content_id_season_number_fkey,processed.episodes_duration_minutes_check,processed.episodes_episode_number_check,processed.episodes_pkey}', '2026-03-01', '2026-11-26 11:04:30.127165+00'),
	('LoadViewingSessions', 'processed.viewing_sessions', '2026-11-26 11:04:46.186744+00', 'd18e3a6907e1cec62aff921acbd86c38', '{"task LoadUsers": "2d161ffc5dbb18d6f6f82fc6764698eb", "sql etl/typing.sql": "8696f6757483bdda6b7da45eb851e14f", "sql load/merge.sql": "3fccac28f7f89ba970e522da456738e0", "sql load/reject.sql": "39532b7752da9b7e1abbdf940c2e638c", "sql load/outcome.sql": "179a0a9765be54b1decedb532dc7f0ea", "sql load/bulk_rest.sql": "cbc437314f71f2e06623df696e06f397", "sql load/raw_index.sql": "e426f44d054acc3ba3b84ac36a6eba1c", "sql load/bulk_begin.sql": "14ac8db59783a72e2c1fb596c7b7cb3e", "sql load/candidates.sql": "5646696033cd1f7e5e9e8c8531469303", "sql load/bulk_dedupe.sql": "a9c22ab27a95ee394f78dd0ee350adb4", "sql load/bulk_insert.sql": "d8b4a240809a2ac0d030c095ee19b9b4", "task viewing_sessions.csv": "d999804eb2f2f9d9eac43eec9171ddb3", "module pipeline.loads.bulk": "aa934333dfc807af49e6eaa8ca9433d6", "module pipeline.loads.merge": "19f77e07d952b0a68e87d05d9da6baab", "task viewing_sessions-2.csv": "9b9e96513a8f74319ddd217aa1001f4b", "task viewing_sessions-3.csv": "f9ebe43d03782b6c54cbbe1fe8adc206", "sql load/changed_batches.sql": "c4e2ad6d312f90d9b86c81a1ccf947db", "sql processed/viewing_sessions.sql": "9c2eab9a6fcfa4f6647b5e48a42c32fc", "task LoadNormalizedJsonsToPostgres": "6134cfc777a6dcbac1b5acea2252612a", "sql load/typed_viewing_sessions.sql": "6f6ab4e1e2e99e98a9bc67cae498d4d7", "sql checks/viewing_sessions/before_release.sql": "09852c053fe40224ece786333b002b97", "sql checks/viewing_sessions/longer_than_a_day.sql": "d34ed3548a083460ee7d56b4d7f9cefd", "sql checks/viewing_sessions/longer_than_movie.sql": "e3f2f8de8610a0322e773d8b2dcbca0a", "sql checks/viewing_sessions/watched_in_future.sql": "e1708eed85c4b7a48258eff760b3201a", "sql checks/viewing_sessions/before_registration.sql": "963464a9f6a6e25aa9ba85403c924b19"}', 10, '{"processed.viewing_sessions": 4}', '{processed.viewing_sessions_batch_id_idx,processed.viewing_sessions_completion_percentage_check,processed.viewing_sessions_content_id_fkey,processed.viewing_sessions_pkey,processed.viewing_sessions_user_id_fkey,processed.viewing_sessions_user_id_idx,processed.viewing_sessions_watch_duration_minutes_check}', '2026-03-01', '2026-11-26 11:04:30.127165+00'),
	('CheckQuality', 'etl.check_results', '2026-11-26 11:04:46.410468+00', '44bd70a55796e340b37ad19c79d91c34', '{"task LoadUsers": "2d161ffc5dbb18d6f6f82fc6764698eb", "task LoadViewingSessions": "d18e3a6907e1cec62aff921acbd86c38", "module pipeline.loads.checks": "9642f1c0179f741abb3a5a9ec76fb92e", "task LoadNormalizedJsonsToPostgres": "6134cfc777a6dcbac1b5acea2252612a", "sql checks/quality/users_reconcile.sql": "35961d1fb1e384c3fb2067ef0cfe1109", "sql checks/quality/days_without_sessions.sql": "47b4f78a262bf6a9ec858aeeed6a617e", "sql checks/quality/completion_missing_share.sql": "361695de3c39303cc9fbd7807980cef9", "sql checks/quality/viewing_sessions_reconcile.sql": "f8da4119b5f4f159146b1913cce66427"}', 11, '{}', '{}', '2026-03-01', '2026-11-26 11:04:30.127165+00'),
	('PublishTrusted', 'trusted', '2026-11-26 11:04:47.390046+00', '246518c7787435e2b2b5d6f42e4aef50', '{"task LoadUsers": "2d161ffc5dbb18d6f6f82fc6764698eb", "sql etl/rollups.sql": "d14bcd7a8db48a957227b9f7309a3eb6", "sql rollups/days.sql": "a0480430dd6bf06540d92faf13ad5f41", "sql rollups/titles.sql": "9d4049a04aac5c9411cabb34e429923f", "sql rollups/viewers.sql": "1d5f35673f8294c30c1d0c6fa7ec87b2", "task LoadViewingSessions": "d18e3a6907e1cec62aff921acbd86c38", "sql trusted/00_schema.sql": "4bc7f3e42cdf284935899f04f6a62c57", "sql rollups/user_months.sql": "e7668cebe84eac143c118739353cc148", "sql rollups/user_devices.sql": "efb63429f14203d09a84779ca2e78512", "sql trusted/data_quality.sql": "7971e528c2d197fff27497f2e762514a", "sql trusted/load_history.sql": "d792340120ec2717ce8893e8c9e1d5b6", "module pipeline.loads.publish": "c809a993aad7aa8c561ceb913cde1cff", "module pipeline.loads.rollups": "8cb5c1a9c5dca15f25a13d4b9523aaa3", "sql rollups/begin_changes.sql": "b9fe8d2534fc9b67bbc6e679d9a5d95c", "sql trusted/daily_viewing.sql": "990c6757c5b7f349997f380be0002089", "sql trusted/period_summary.sql": "f99ac903330a962dd32f6ecb1dae02ff", "sql rollups/changed_viewers.sql": "83113996a8641058516eaec21f9407a1", "sql trusted/content_summary.sql": "631d8ec3eb3287441427cb30cf9550a5", "sql trusted/episode_details.sql": "92e2b8a231e3f03b332bc2203f9f3599", "sql trusted/session_details.sql": "d323b4d11d81657a7ff98da61c676507", "sql trusted/user_engagement.sql": "a2b42f990497e2f2caf2864990edb8ce", "sql trusted/device_engagement.sql": "62e7bc624cb870c1e719c3f607247a4d", "sql trusted/genre_performance.sql": "0ad87d70dcc5147228e2a9b45a49b10e", "sql trusted/monthly_retention.sql": "5d245ae3033dd5e6931041b046a8daa7", "sql trusted/country_engagement.sql": "c6f3c04d2cabe2a8f8ae11982e401b94", "task LoadNormalizedJsonsToPostgres": "6134cfc777a6dcbac1b5acea2252612a", "sql trusted/top_content_by_country.sql": "dd4299c9cd882d7578ec80c5cad45054", "sql trusted/completion_distribution.sql": "4ecfa4f8cd599878c354e68ecf8cb894", "sql trusted/subscription_engagement.sql": "c30b6b4a290e49427aa722f43c4e8ae1", "sql trusted/completion_by_content_type.sql": "90f693273fccf5a59a5f76eaeabe421e"}', 12, '{"etl.rollup_days": 4, "etl.rollup_titles": 2, "trusted.data_quality": 0, "trusted.load_history": 0, "trusted.daily_viewing": 4, "etl.rollup_user_months": 2, "trusted.period_summary": 1, "etl.rollup_user_devices": 2, "trusted.content_summary": 2, "trusted.episode_details": 0, "trusted.session_details": 0, "trusted.user_engagement": 2, "etl.rollup_title_viewers": 2, "trusted.device_engagement": 1, "trusted.genre_performance": 2, "trusted.monthly_retention": 2, "trusted.country_engagement": 2, "trusted.top_content_by_country": 3, "trusted.completion_distribution": 20, "trusted.subscription_engagement": 2, "trusted.completion_by_content_type": 2}', '{}', '2026-03-01', '2026-11-26 11:04:30.127165+00'),
	('BuildReport /srv/pipeline/data/reports/2026-03-01', 'data/reports/2026-03-01', '2026-11-26 11:05:25.310322+00', '2be6555913e580c9ef8ef9070eb4b03d', '{"date": "2026-03-01", "template": "075280248dabe0a8fdd1181d8d76857f", "PostgreSQL": "embedded/video_streaming", "task CheckQuality": "44bd70a55796e340b37ad19c79d91c34", "task PublishTrusted": "246518c7787435e2b2b5d6f42e4aef50", "module pipeline.report.page": "67aff149deba638ed1d6963dd0e188dc", "sql examples/binge_days.sql": "9c637fb36986961285aa3bb53e9a18f6", "sql examples/churn_risk.sql": "659f4ae1e02b9a7d1e662d9a5ac7d05a", "module pipeline.report.index": "30e2a20d45a989d5093fdcc969f77601", "module pipeline.report.plots": "75afab438a4cc86eea97118a22c33e4a", "module pipeline.report.style": "fa5e0a5ef94b3750c78ac95c9b0a08d3", "sql examples/seasonality.sql": "5250a968091cc123a6252336f2470951", "module pipeline.report.panels": "6a0da1a824548f434c4a605980372e6d", "module pipeline.report.tables": "1e083d577063ed13319c1ac3690b8eb1", "sql examples/genre_trends.sql": "ce3faace901bcaef83ecd41ac7e6655e", "module pipeline.report.lineage": "3070650754ed1315a5ec76fab20063f7", "module pipeline.report.quality": "c2e2d9b3d751fdd49aa439b83aa51713", "module pipeline.report.overview": "c47c0cc3490ae21aa2ebe58671ebb7c8", "module pipeline.report.dictionary": "75e2f2d41b787b3daae9db262fcbcc98", "sql examples/abandoned_titles.sql": "d011198c54e3f13a180d5ae7325af9c3", "sql examples/cohorts_compared.sql": "9a54c4ccde698647d9ae119f6c8852fe", "sql examples/budget_efficiency.sql": "56399c1655d723c66bd5d6140b33105a", "sql examples/retention_by_plan.sql": "fd4fe5de052031f2d6e6425ab1794221", "sql examples/device_and_completion.sql": "2503347c3b1843b597efede19a715128", "sql examples/top_content_by_country.sql": "c85ad63a261b53ebfd988178dbbc3687"}', 13, '{}', '{}', '2026-03-01', '2026-11-26 11:04:30.127165+00');

INSERT INTO processed.content VALUES
	('M1', 'Metropolis', 'movie', 1999, NULL, NULL, NULL, NULL),
	('T1', 'The Wire', 'series', NULL, NULL, NULL, NULL, NULL);

INSERT INTO processed.genres VALUES
	('M1', 'Drama'),
	('T1', 'Crime');

INSERT INTO processed.movie_details VALUES
	('M1', 100, NULL);

INSERT INTO processed.seasons VALUES
	('T1', 1, 3),
	('T1', 2, 4);

INSERT INTO processed.series_details VALUES
	('T1', 2, 55.0, NULL);

INSERT INTO processed.users VALUES
	('U1', 30, 'Peru', 'Basic', '2023-01-01', 1.50, 6, 1),
	('U2', 41, 'Chile', 'Premium', '2023-02-01', 20.00, 6, 2);

INSERT INTO processed.viewing_sessions VALUES
	('S3', 'U2', 'M1', '2024-05-03', 50, 50.50, 'Mobile', 'HD', 5, 1),
	('S1', 'U1', 'M1', '2024-05-01', 50, 50.50, 'Mobile', 'HD', 4, 1),
	('S4', 'U1', 'M1', '2024-05-04', 50, 50.50, 'Mobile', 'HD', 2, 1),
	('S2', 'U2', 'T1', '2024-05-02', 50, 50.50, 'Mobile', 'HD', 4, 2);

INSERT INTO raw.users VALUES
	(6, 1, 'U1', '30', 'Peru', 'Basic', '2023-01-01', '1.5'),
	(6, 2, 'U2', '41', 'Chile', 'Premium', '2023-02-01', '20'),
	(6, 3, 'U3', '300', 'Peru', 'Basic', '2023-01-01', '1.5');

INSERT INTO raw.viewing_sessions VALUES
	(2, 1, 'S4', 'U1', 'M1', '2024-05-04', '50', '50.5', 'Mobile', 'HD'),
	(2, 2, 'S5', 'U9', 'M1', '2024-05-05', '50', '50.5', 'Mobile', 'HD'),
	(2, 3, 'S6', 'U1', 'M1', 'soon', '50', '50.5', 'Mobile', 'HD'),
	(4, 1, 'S1', 'U1', 'M1', '2024-05-01', '50', '50.5', 'Mobile', 'HD'),
	(4, 2, 'S2', 'U2', 'T1', '2024-05-02', '50', '50.5', 'Mobile', 'HD'),
	(5, 1, 'S3', 'U2', 'M1', '2024-05-03', '50', '50.5', 'Mobile', 'HD');

SELECT pg_catalog.setval('etl.batches_batch_id_seq', 13, true);

SELECT pg_catalog.setval('etl.rejected_rows_reject_id_seq', 3, true);

ALTER TABLE ONLY etl.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (batch_id);

ALTER TABLE ONLY etl.check_results
    ADD CONSTRAINT check_results_pkey PRIMARY KEY (check_name);

ALTER TABLE ONLY etl.held_rows
    ADD CONSTRAINT held_rows_pkey PRIMARY KEY (batch_id, _row);

ALTER TABLE ONLY etl.merged_batches
    ADD CONSTRAINT merged_batches_pkey PRIMARY KEY (target_table, batch_id);

ALTER TABLE ONLY etl.rejected_rows
    ADD CONSTRAINT rejected_rows_pkey PRIMARY KEY (reject_id);

ALTER TABLE ONLY etl.table_updates
    ADD CONSTRAINT table_updates_pkey PRIMARY KEY (update_id);

ALTER TABLE ONLY processed.content
    ADD CONSTRAINT content_pkey PRIMARY KEY (content_id);

ALTER TABLE ONLY processed.episodes
    ADD CONSTRAINT episodes_pkey PRIMARY KEY (content_id, season_number, episode_number);

ALTER TABLE ONLY processed.genres
    ADD CONSTRAINT genres_pkey PRIMARY KEY (content_id, genre);

ALTER TABLE ONLY processed.movie_details
    ADD CONSTRAINT movie_details_pkey PRIMARY KEY (content_id);

ALTER TABLE ONLY processed.seasons
    ADD CONSTRAINT seasons_pkey PRIMARY KEY (content_id, season_number);

ALTER TABLE ONLY processed.series_details
    ADD CONSTRAINT series_details_pkey PRIMARY KEY (content_id);

ALTER TABLE ONLY processed.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY processed.viewing_sessions
    ADD CONSTRAINT viewing_sessions_pkey PRIMARY KEY (session_id);

CREATE INDEX batches_refused_idx ON etl.batches USING btree (source) WHERE (details ? 'refused'::text);

CREATE INDEX batches_running_idx ON etl.batches USING btree (target_table, source) WHERE (status = 'running'::text);

CREATE INDEX held_rows_key_idx ON etl.held_rows USING btree (table_name, key);

CREATE INDEX held_rows_waiting_user_idx ON etl.held_rows USING btree (user_id) WHERE (status = 'waiting'::text);

CREATE INDEX rejected_rows_batch_id_idx ON etl.rejected_rows USING btree (batch_id);

CREATE INDEX users_batch_id_idx ON processed.users USING btree (_batch_id);

CREATE INDEX viewing_sessions_batch_id_idx ON processed.viewing_sessions USING btree (_batch_id);

CREATE INDEX viewing_sessions_user_id_idx ON processed.viewing_sessions USING btree (user_id);

CREATE INDEX users_batch_id_idx ON raw.users USING btree (_batch_id);

CREATE INDEX viewing_sessions_batch_id_idx ON raw.viewing_sessions USING btree (_batch_id);

CREATE UNIQUE INDEX completion_by_content_type_key ON trusted.completion_by_content_type USING btree (type);

CREATE UNIQUE INDEX completion_distribution_key ON trusted.completion_distribution USING btree (type, bucket);

CREATE UNIQUE INDEX content_summary_key ON trusted.content_summary USING btree (content_id);

CREATE UNIQUE INDEX country_engagement_key ON trusted.country_engagement USING btree (country) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX daily_viewing_key ON trusted.daily_viewing USING btree (watch_date);

CREATE UNIQUE INDEX device_engagement_key ON trusted.device_engagement USING btree (device_type, quality_level) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX genre_performance_key ON trusted.genre_performance USING btree (genre) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX monthly_retention_key ON trusted.monthly_retention USING btree (cohort_month, subscription_type, month_number) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX period_summary_key ON trusted.period_summary USING btree (month);

CREATE UNIQUE INDEX subscription_engagement_key ON trusted.subscription_engagement USING btree (subscription_type) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX top_content_by_country_key ON trusted.top_content_by_country USING btree (country, rank) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX user_engagement_key ON trusted.user_engagement USING btree (user_id);

CREATE TRIGGER log_deleted AFTER DELETE ON processed.viewing_sessions REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();

CREATE TRIGGER log_inserted AFTER INSERT ON processed.viewing_sessions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();

CREATE TRIGGER log_truncated AFTER TRUNCATE ON processed.viewing_sessions FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();

CREATE TRIGGER log_updated AFTER UPDATE ON processed.viewing_sessions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();

ALTER TABLE ONLY etl.rejected_rows
    ADD CONSTRAINT rejected_rows_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES etl.batches(batch_id);

ALTER TABLE ONLY processed.episodes
    ADD CONSTRAINT episodes_content_id_season_number_fkey FOREIGN KEY (content_id, season_number) REFERENCES processed.seasons(content_id, season_number);

ALTER TABLE ONLY processed.genres
    ADD CONSTRAINT genres_content_id_fkey FOREIGN KEY (content_id) REFERENCES processed.content(content_id);

ALTER TABLE ONLY processed.movie_details
    ADD CONSTRAINT movie_details_content_id_fkey FOREIGN KEY (content_id) REFERENCES processed.content(content_id);

ALTER TABLE ONLY processed.seasons
    ADD CONSTRAINT seasons_content_id_fkey FOREIGN KEY (content_id) REFERENCES processed.content(content_id);

ALTER TABLE ONLY processed.series_details
    ADD CONSTRAINT series_details_content_id_fkey FOREIGN KEY (content_id) REFERENCES processed.content(content_id);

ALTER TABLE ONLY processed.viewing_sessions
    ADD CONSTRAINT viewing_sessions_content_id_fkey FOREIGN KEY (content_id) REFERENCES processed.content(content_id);

ALTER TABLE ONLY processed.viewing_sessions
    ADD CONSTRAINT viewing_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES processed.users(user_id);

REFRESH MATERIALIZED VIEW trusted.completion_by_content_type;

REFRESH MATERIALIZED VIEW trusted.completion_distribution;

REFRESH MATERIALIZED VIEW trusted.content_summary;

REFRESH MATERIALIZED VIEW trusted.country_engagement;

REFRESH MATERIALIZED VIEW trusted.daily_viewing;

REFRESH MATERIALIZED VIEW trusted.device_engagement;

REFRESH MATERIALIZED VIEW trusted.genre_performance;

REFRESH MATERIALIZED VIEW trusted.monthly_retention;

REFRESH MATERIALIZED VIEW trusted.period_summary;

REFRESH MATERIALIZED VIEW trusted.subscription_engagement;

REFRESH MATERIALIZED VIEW trusted.top_content_by_country;

REFRESH MATERIALIZED VIEW trusted.user_engagement;

