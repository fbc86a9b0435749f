-- The sealed trail: what of an entry goes into the tree, and the only way to put it there. Safe to repeat.
-- Writers of entries know nothing of it: the worker looks afterwards for entries without a leaf.

-- An entry as one text, always the same to the letter: what is hashed, exported and hashed again elsewhere.
CREATE OR REPLACE FUNCTION protection.entry_text(entry protection_entry) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'id', entry.id, 'lab_id', entry.lab_id,
        'at', to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'actor_id', entry.actor_id, 'mode', entry.mode, 'origin', entry.origin, 'request_id', entry.request_id,
        'kind', entry.kind, 'what', entry.what, 'record_id', entry.record_id, 'action', entry.action,
        'changes', entry.changes)::text
$$;

CREATE OR REPLACE FUNCTION protection.platform_event_text(event protection_platformevent) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'id', event.id, 'at', to_char(event.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'event', event.event, 'facts', event.facts)::text
$$;

-- Give the next numbers to entries that have no leaf yet, oldest first: of the laboratory whose pass is in force, or
-- with a pass of zeros of the platform. Whoever asks says from when on to look (audit/internal/sealer.py knows since when
-- nothing can be missing). By index and with an early end, whatever the planner believes: it has no statistics.
CREATE OR REPLACE FUNCTION protection.seal_entries(first bigint, since text, most integer)
RETURNS TABLE (seq bigint, id uuid, day date, what text, content bytea, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
    own uuid := protection.lab();
BEGIN
    IF own IS NULL THEN
        RAISE EXCEPTION 'dentatool: no pass' USING ERRCODE = 'DT001';
    END IF;
    IF own = '00000000-0000-0000-0000-000000000000' THEN
        RETURN QUERY
        WITH RECURSIVE names (event) AS ( -- from name to name along the index: there is none over the time alone
            (SELECT p.event FROM public.protection_platformevent p ORDER BY p.event LIMIT 1)
            UNION ALL
            SELECT (SELECT p.event FROM public.protection_platformevent p WHERE p.event > names.event
                    ORDER BY p.event LIMIT 1) FROM names WHERE names.event IS NOT NULL
        ), found AS MATERIALIZED (
            SELECT p.id, greatest(least(p.at, statement_timestamp()), 'epoch') AS at, p.event, protection.platform_event_text(p) AS told
            FROM names JOIN public.protection_platformevent p ON p.event = names.event AND p.at >= since::timestamptz
            WHERE NOT EXISTS (SELECT FROM public.protection_leaf f WHERE f.lab_id = own AND f.id = p.id)
            ORDER BY p.at, p.id LIMIT most -- at -infinity or far ahead was no program's doing: sealed, and no obstacle
        ), made AS MATERIALIZED (
            SELECT first - 1 + row_number() OVER (ORDER BY found.at, found.id) AS seq, found.id, found.at,
                   (found.at AT TIME ZONE 'UTC')::date AS day, found.event AS what, sha256(convert_to(told, 'UTF8')) AS content
            FROM found
        ), kept AS (
            INSERT INTO public.protection_leaf (id, lab_id, seq, day, what, content)
            SELECT made.id, own, made.seq, made.day, made.what, made.content FROM made)
        SELECT made.seq, made.id, made.day, made.what::text, made.content, made.at FROM made ORDER BY made.seq;
    ELSE
        RETURN QUERY
        WITH found AS MATERIALIZED (
            SELECT e.id, greatest(least(e.at, statement_timestamp()), 'epoch') AS at, e.what, protection.entry_text(e) AS told
            FROM public.protection_entry e
            WHERE e.lab_id = own AND e.at >= since::timestamptz
              AND NOT EXISTS (SELECT FROM public.protection_leaf f WHERE f.lab_id = own AND f.id = e.id)
            ORDER BY e.at LIMIT most
        ), made AS MATERIALIZED (
            SELECT first - 1 + row_number() OVER (ORDER BY found.at, found.id) AS seq, found.id, found.at,
                   (found.at AT TIME ZONE 'UTC')::date AS day, found.what AS what, sha256(convert_to(told, 'UTF8')) AS content
            FROM found
        ), kept AS (
            INSERT INTO public.protection_leaf (id, lab_id, seq, day, what, content)
            SELECT made.id, own, made.seq, made.day, made.what, made.content FROM made)
        SELECT made.seq, made.id, made.day, made.what::text, made.content, made.at FROM made ORDER BY made.seq;
    END IF;
END $$;

-- Keep a checkpoint. Whoever can call this can write nonsense, but sign nothing: the key is not in the database.
CREATE OR REPLACE FUNCTION protection.keep_checkpoint(size bigint, until text, signed text, peaks bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO public.protection_checkpoint (id, lab_id, size, until, signed, peaks)
    VALUES (gen_random_uuid(), protection.lab(), $1, $2::timestamptz, $3, $4)
$$;

-- Of each day that is over for a week its last checkpoint stays; how many went. Nothing younger can be deleted by this.
-- values/checkpoint.py says the same of what was witnessed (`is_thinned`).
CREATE OR REPLACE FUNCTION protection.thin_checkpoints() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH gone AS (
        DELETE FROM public.protection_checkpoint c
        WHERE c.lab_id = protection.lab() AND c.until < statement_timestamp() - interval '7 days'
          AND (c.until AT TIME ZONE 'UTC')::date = (
              SELECT (n.until AT TIME ZONE 'UTC')::date FROM public.protection_checkpoint n
              WHERE n.lab_id = c.lab_id AND n.size > c.size ORDER BY n.size LIMIT 1)
        RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION protection.entry_text(protection_entry), protection.platform_event_text(protection_platformevent),
    protection.seal_entries(bigint, text, integer), protection.keep_checkpoint(bigint, text, text, bytea),
    protection.thin_checkpoints() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.entry_text(protection_entry) TO dentatool_app;
GRANT EXECUTE ON FUNCTION protection.seal_entries(bigint, text, integer),
    protection.keep_checkpoint(bigint, text, text, bytea), protection.thin_checkpoints() TO dentatool_worker;
