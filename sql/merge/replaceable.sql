-- Whether a table made of the incoming rows could stand in for the empty {target}: that has the same columns, and
-- nothing but what the pipeline made; what an administrator added to it (rights, settings, policies, statistics,
-- publications, triggers, unique indexes) must not be lost, nor what refers to it.
WITH live AS (
    SELECT * FROM pg_class WHERE oid = {regclass}
),

columns AS (
    SELECT
        attrelid,
        array_agg(row(
            attname, atttypid, atttypmod, attcollation, attstorage, attcompression,
            attacl, atthasdef, attidentity, attoptions, attstattarget
        )::text ORDER BY attnum) AS definitions
    FROM pg_attribute
    WHERE attrelid IN ({regclass}, 'pg_temp.stg_incoming'::regclass)
        AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('valid', 'problems')
    GROUP BY attrelid
)

SELECT
    (relkind, relpersistence, relreplident, reltablespace, reloftype) = ('r', 'p', 'd', 0, 0)
    AND NOT relrowsecurity
    AND NOT relispartition
    -- Rights of its owner alone, be they written down or not.
    AND coalesce(relacl, acldefault('r', relowner)) = acldefault('r', relowner)
    AND reloptions IS NULL
    AND pg_get_userbyid(relowner) = current_user
    AND relam = (SELECT oid FROM pg_am WHERE amname = current_setting('default_table_access_method'))
    AND current_setting('default_tablespace') = ''
    AND NOT EXISTS (
        SELECT FROM pg_default_acl
        WHERE defaclrole = relowner AND defaclobjtype = 'r' AND defaclnamespace IN (0, relnamespace)
    )
    AND (SELECT count(DISTINCT definitions) = 1 FROM columns)
    AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = live.oid AND indisunique AND NOT indisprimary)
    AND NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = live.oid AND NOT tgisinternal
            AND tgfoid NOT IN (SELECT oid FROM pg_proc WHERE pronamespace = 'etl'::regnamespace)
    )
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE confrelid = live.oid AND contype = 'f')
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE live.oid IN (inhrelid, inhparent))
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE refclassid = 'pg_class'::regclass AND refobjid = live.oid AND classid NOT IN (
            'pg_class'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass
        )
    )
    -- Columns or functions of the table's row type.
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE refclassid = 'pg_type'::regclass AND deptype = 'n'
            AND refobjid IN (live.reltype, (SELECT typarray FROM pg_type WHERE pg_type.oid = live.reltype))
    )
FROM live;
