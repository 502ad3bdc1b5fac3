#!/usr/bin/env bash
#
# Prepare PostgreSQL (17 or later) for the pipeline: its role, the group `data_analyst` with a login for
# an analyst and one for the report, the database and its schemas. Needs bash and psql (15 or later). Run
# it as often as you like: it brings everything to the same state, and passwords to those given now; a
# password not given stays as it is.
#
# 1. An administrator prepares a server; the project's .env names what to make:
#        set -a; . ./.env; set +a
#        PGUSER=postgres PGPASSWORD=… ./init-postgres.sh
#    The connection follows libpq's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE); where
#    they are unset: POSTGRES_HOST, POSTGRES_PORT, user and database `postgres`. Made are the role
#    POSTGRES_USER (default: pipeline) with POSTGRES_PASSWORD, the analyst DATA_ANALYST_USER (default:
#    analyst) with DATA_ANALYST_PASSWORD, REPORT_USER (default: pipeline_report) with REPORT_PASSWORD,
#    as whom the pipeline reads what its report shows, and the database POSTGRES_DB (default:
#    video_streaming).
#
#    Each further analyst gets a login in the same way, with another DATA_ANALYST_USER:
#        DATA_ANALYST_USER=bea DATA_ANALYST_PASSWORD=… PGUSER=postgres PGPASSWORD=… ./init-postgres.sh
#    and loses it by DROP ROLE bea.
#
# 2. In /docker-entrypoint-initdb.d of the official image, whose POSTGRES_* variables name the superuser:
#    set PIPELINE_USER (this is how the script knows), PIPELINE_PASSWORD, PIPELINE_DB, and what begins
#    with DATA_ANALYST_ and REPORT_ as above, for what is to be made.
#
#    In both cases a password may be in a file: POSTGRES_PASSWORD_FILE (2: PIPELINE_PASSWORD_FILE),
#    DATA_ANALYST_PASSWORD_FILE and REPORT_PASSWORD_FILE name it.
#
# 3. The embedded server runs it by itself, as in 1 and without passwords.
#
# The administrator must be a superuser (large objects are closed to everybody else).

prepare() (
    set -euo pipefail

    if [[ -n ${PIPELINE_USER:-} ]]; then
        export PGUSER=${PGUSER:-${POSTGRES_USER:-postgres}}
        export PIPELINE_DB=${PIPELINE_DB:-video_streaming}
        PIPELINE_PASSWORD=$(secret PIPELINE_PASSWORD)
    else
        [[ -z ${POSTGRES_HOST:-} ]] || export PGHOST=${PGHOST:-$POSTGRES_HOST}
        [[ -z ${POSTGRES_PORT:-} ]] || export PGPORT=${PGPORT:-$POSTGRES_PORT}
        export PGUSER=${PGUSER:-postgres}
        export PIPELINE_USER=${POSTGRES_USER:-pipeline}
        PIPELINE_PASSWORD=$(secret POSTGRES_PASSWORD)
        export PIPELINE_DB=${POSTGRES_DB:-video_streaming}
    fi
    export PGDATABASE=${PGDATABASE:-postgres}
    # What the statements below rely on, whatever is set for the administrator or the database.
    export PGCLIENTENCODING=UTF8
    PGOPTIONS="${PGOPTIONS:-} -c search_path=pg_catalog -c standard_conforming_strings=on -c statement_timeout=0"
    export PGOPTIONS="$PGOPTIONS -c default_transaction_read_only=off"
    # psql reads the passwords from its environment: on a command line everybody could see them.
    export DATA_ANALYST_USER=${DATA_ANALYST_USER:-analyst} REPORT_USER=${REPORT_USER:-pipeline_report}
    DATA_ANALYST_PASSWORD=$(secret DATA_ANALYST_PASSWORD)
    REPORT_PASSWORD=$(secret REPORT_PASSWORD)
    local name
    for name in PIPELINE_PASSWORD DATA_ANALYST_PASSWORD REPORT_PASSWORD; do
        if [[ -n ${!name} ]]; then export "${name?}"; else unset "$name"; fi
    done

    if ! command -v psql >/dev/null; then
        echo "init-postgres.sh: psql is not installed or not on PATH" >&2
        return 1
    fi
    if ! sql | psql --no-psqlrc --quiet --tuples-only --set=ON_ERROR_STOP=1 --output=/dev/null; then
        echo "init-postgres.sh: PostgreSQL was not prepared (see the message above)" >&2
        return 1
    fi
    echo "PostgreSQL is prepared: database $PIPELINE_DB, roles $PIPELINE_USER, $DATA_ANALYST_USER and $REPORT_USER"
)

# Prints a variable, or the content of the file that the variable NAME_FILE names.
secret() {
    local file=$1_FILE
    if [[ -n ${!file:-} ]]; then
        cat -- "${!file}"
    else
        printf '%s' "${!1:-}"
    fi
}

sql() {
    cat <<'SQL'
\set SHOW_CONTEXT never
SET client_min_messages = warning;
\getenv pipeline_user PIPELINE_USER
\getenv pipeline_db PIPELINE_DB
\getenv pipeline_password PIPELINE_PASSWORD
\getenv analyst_user DATA_ANALYST_USER
\getenv analyst_password DATA_ANALYST_PASSWORD
\getenv report_user REPORT_USER
\getenv report_password REPORT_PASSWORD

SELECT set_config('init.pipeline_user', :'pipeline_user', false), set_config('init.pipeline_db', :'pipeline_db', false);
SELECT set_config('init.analyst_user', :'analyst_user', false), set_config('init.report_user', :'report_user', false);
DO $$
DECLARE
    pipeline_user text := current_setting('init.pipeline_user');
    pipeline_db text := current_setting('init.pipeline_db');
    analyst_user text := current_setting('init.analyst_user');
    report_user text := current_setting('init.report_user');
BEGIN
    IF current_setting('server_version_num')::int < 170000 THEN
        RAISE EXCEPTION 'PostgreSQL 17 or later is needed; this is %', current_setting('server_version');
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'the administrator % is not a superuser', current_user;
    END IF;
    IF pipeline_user = 'data_analyst' OR EXISTS (SELECT FROM pg_roles WHERE rolname = pipeline_user AND rolsuper) THEN
        RAISE EXCEPTION 'the role of the pipeline cannot be %: it needs an ordinary role of its own', pipeline_user
            USING HINT = 'Set POSTGRES_USER, or PIPELINE_USER in a container.';
    END IF;
    IF (SELECT count(DISTINCT name) FROM unnest(ARRAY[pipeline_user, analyst_user, report_user, 'data_analyst']) AS name) < 4
    THEN
        RAISE EXCEPTION 'the roles %, %, % and data_analyst must be four', pipeline_user, analyst_user, report_user
            USING HINT = 'data_analyst is the group of all analysts. Set DATA_ANALYST_USER or REPORT_USER.';
    END IF;
    IF EXISTS (
        SELECT FROM pg_roles WHERE rolname IN (analyst_user, report_user)
            AND (rolsuper OR EXISTS (SELECT FROM pg_database WHERE datdba = pg_roles.oid))
    ) THEN
        RAISE EXCEPTION '% and % must be ordinary roles that own no database', analyst_user, report_user
            USING HINT = 'Set DATA_ANALYST_USER or REPORT_USER.';
    END IF;
    IF pipeline_db IN ('postgres', 'template0', 'template1') THEN
        RAISE EXCEPTION 'the database of the pipeline cannot be %', pipeline_db
            USING HINT = 'Set POSTGRES_DB, or PIPELINE_DB in a container.';
    END IF;
    IF EXISTS (SELECT FROM pg_database WHERE datname = pipeline_db AND pg_encoding_to_char(encoding) <> 'UTF8') THEN
        RAISE EXCEPTION 'the database % is not in UTF8', pipeline_db;
    END IF;
END $$;

-- Roles. No statement with a password may reach the server's log, nor its statistics.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_duration_sample = -1;
SET log_min_error_statement = 'panic';
SET log_transaction_sample_rate = 0;
SET pg_stat_statements.track_utility = off;

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY[:'pipeline_user', 'data_analyst', :'analyst_user', :'report_user']) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name)
FROM unnest(ARRAY[:'pipeline_user', :'analyst_user', :'report_user']) AS wanted (name)
\gexec
\if :{?pipeline_password}
    ALTER ROLE :"pipeline_user" PASSWORD :'pipeline_password';
\endif
\if :{?analyst_password}
    ALTER ROLE :"analyst_user" PASSWORD :'analyst_password';
\endif
\if :{?report_password}
    ALTER ROLE :"report_user" PASSWORD :'report_password';
\endif

-- The group has what analysts may, and nobody can log in as it, or become it: who could, could set for all of them
-- what a role may set for itself.
ALTER ROLE data_analyst NOLOGIN PASSWORD NULL CONNECTION LIMIT -1
    NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE data_analyst RESET ALL;
GRANT data_analyst TO :"analyst_user", :"report_user" WITH INHERIT TRUE, SET FALSE, ADMIN FALSE;
SELECT format('REVOKE data_analyst FROM %I', :'pipeline_user')
WHERE EXISTS (
    SELECT FROM pg_auth_members
    WHERE roleid = to_regrole('data_analyst') AND member = quote_ident(:'pipeline_user')::regrole
)
\gexec

-- Every login of the group, also those made by hand. Conveniences first: what they may do is decided by the grants
-- below. A forgotten transaction must not keep a publication waiting. They may change these settings, each for itself,
-- but not the limits: on disk 4 GB for each connection, and half of the server's connections, shared among analysts.
-- An owner of a database is no analyst but a pipeline (of another project, as an earlier version left it).
CREATE TEMPORARY VIEW members AS
SELECT rolname
FROM pg_auth_members
INNER JOIN pg_roles ON pg_roles.oid = member
WHERE roleid = to_regrole('data_analyst') AND rolcanlogin AND NOT rolsuper
    AND NOT EXISTS (SELECT FROM pg_database WHERE datdba = member);
SELECT
    format('GRANT data_analyst TO %I WITH INHERIT TRUE, SET FALSE, ADMIN FALSE', rolname),
    format('ALTER ROLE %I RESET ALL', rolname),
    format('ALTER ROLE %I SET temp_file_limit = %L', rolname, '4GB'),
    format('ALTER ROLE %I SET default_transaction_read_only = on', rolname),
    format('ALTER ROLE %I SET search_path = trusted', rolname),
    format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', rolname, '10min'),
    -- So that the pipeline can name who keeps it waiting, and what is being read.
    format('GRANT %I TO %I WITH INHERIT TRUE, SET FALSE, ADMIN FALSE', rolname, :'pipeline_user')
FROM members
\gexec
ALTER ROLE :"report_user" CONNECTION LIMIT -1;
SELECT format('ALTER ROLE %I CONNECTION LIMIT %s', rolname, greatest(1, setting::int / 2 / count(*) OVER ()))
FROM members, pg_settings
WHERE name = 'max_connections' AND rolname <> :'report_user'
\gexec
SELECT format('ALTER ROLE %I IN DATABASE %I RESET ALL', rolname, datname)
FROM pg_db_role_setting
INNER JOIN pg_roles ON pg_roles.oid = setrole
INNER JOIN pg_database ON pg_database.oid = setdatabase
WHERE rolname = 'data_analyst' OR rolname IN (SELECT rolname FROM members)
\gexec

-- The database. Text sorts by code point, the same on every server.
SELECT format(
    $f$CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING 'UTF8'
       LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'$f$, :'pipeline_db', :'pipeline_user')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'pipeline_db')
\gexec
ALTER DATABASE :"pipeline_db" OWNER TO :"pipeline_user";
REVOKE ALL ON DATABASE :"pipeline_db" FROM PUBLIC, data_analyst;
GRANT CONNECT, TEMPORARY ON DATABASE :"pipeline_db" TO :"pipeline_user";
GRANT CONNECT ON DATABASE :"pipeline_db" TO data_analyst;

-- By default everybody may connect to, and make temporary tables in, every other database. On a server of
-- our own that ends here; on a shared one it is the administrator's decision.
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', datname)
FROM pg_database
WHERE datname IN ('postgres', 'template1')
    AND NOT EXISTS (
        SELECT FROM pg_database
        WHERE NOT datistemplate AND datname NOT IN ('postgres', :'pipeline_db')
    )
\gexec
DO $$
DECLARE
    others text := (
        SELECT string_agg(datname, ', ' ORDER BY datname) FROM pg_database
        WHERE datallowconn AND datname <> current_setting('init.pipeline_db')
            AND has_database_privilege('data_analyst', oid, 'CONNECT')
    );
BEGIN
    IF others IS NOT NULL THEN
        RAISE WARNING 'data_analyst may also connect to: %', others
            USING HINT = 'REVOKE CONNECT, TEMPORARY ON DATABASE … FROM PUBLIC ends that.';
    END IF;
END $$;

\connect :"pipeline_db"
SET client_min_messages = warning;
BEGIN;

SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', name, :'pipeline_user')
FROM unnest(ARRAY['etl', 'raw', 'processed', 'trusted']) AS wanted (name)
\gexec
ALTER SCHEMA etl OWNER TO :"pipeline_user";
ALTER SCHEMA raw OWNER TO :"pipeline_user";
ALTER SCHEMA processed OWNER TO :"pipeline_user";
ALTER SCHEMA trusted OWNER TO :"pipeline_user";

REVOKE ALL ON SCHEMA public, etl, raw, processed, trusted FROM PUBLIC, data_analyst;
REVOKE ALL ON ALL TABLES IN SCHEMA public, etl, raw, processed, trusted FROM PUBLIC, data_analyst;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public, etl, raw, processed, trusted FROM PUBLIC, data_analyst;

GRANT USAGE ON SCHEMA trusted TO data_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA trusted TO data_analyst;
ALTER DEFAULT PRIVILEGES FOR ROLE :"pipeline_user" IN SCHEMA trusted GRANT SELECT ON TABLES TO data_analyst;
ALTER DEFAULT PRIVILEGES FOR ROLE :"pipeline_user" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Large objects belong to no schema, so everybody could make some.
SELECT format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', oid::regprocedure)
FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname LIKE 'lo\_%' OR proname IN ('loread', 'lowrite'))
\gexec
-- What reaches beyond the session of who calls it: locks that others wait for, WAL, signals, snapshots, slots, repairs.
-- The pipeline keeps what everybody was granted, so nothing that PostgreSQL itself grants to fewer (pg_init_privs).
SELECT
    format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', oid::regprocedure),
    format('GRANT EXECUTE ON FUNCTION %s TO %I', oid::regprocedure, :'pipeline_user')
FROM pg_proc
WHERE
    pronamespace = 'pg_catalog'::regnamespace
    AND proname ~ ('^(' || concat_ws(
        '|',
        'pg_(try_)?advisory_.*', 'pg_logical_.*', 'pg_notify', '(pg_cancel|pg_terminate)_backend', 'pg_export_snapshot',
        'pg_.*replication_slot.*', 'binary_upgrade_.*', 'brin_(de)?summarize_.*', 'gin_clean_pending_list',
        'pg_(clear|restore)_.*_stats', 'pg_nextoid', 'pg_import_system_collations', 'pg_stop_making_pinned_objects',
        'pg_extension_config_dump'
    ) || ')$')
    AND provolatile = 'v'
    AND NOT EXISTS (SELECT FROM pg_init_privs WHERE objoid = pg_proc.oid AND classoid = 'pg_proc'::regclass)
\gexec

COMMIT;
SQL
}

prepare
