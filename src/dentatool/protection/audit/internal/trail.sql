-- The trail: who, when, from where, which record, which columns, old and new. Safe to repeat.

-- Left from databases of 23.11.2026, with the triggers on them: a call for each row, at a higher cost.
DROP FUNCTION IF EXISTS protection.audit_row() CASCADE;
DROP FUNCTION IF EXISTS protection.write_entry(text, text, uuid, text, jsonb);

-- Both writers below run as the owner, because the app itself may not insert; the policy on the table still
-- demands a valid pass for the same laboratory.

-- After every statement that changes or deletes Records, one entry for each row, all at once: a trigger for
-- each row would check the pass and plan its INSERT again and again. TG_ARGV: columns whose change alone is
-- not worth an entry; with "!" before the name, columns whose change is noted but whose value is a secret.
-- New rows have a function for each table, written by tenancy/internal/shield.py, that makes the same entries.
CREATE OR REPLACE FUNCTION protection.audit_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    -- TG_ARGV is NULL, not empty, for a trigger without arguments: unguarded, no update would leave an entry.
    quiet text[] := coalesce(TG_ARGV, '{}');
    before jsonb[];
    after jsonb[];
    part text[];
BEGIN
    -- Which of the two sets of rows exists depends on the trigger; a branch that is not taken is not parsed.
    IF TG_OP = 'DELETE' THEN
        before := ARRAY(SELECT to_jsonb(old_row) FROM old_rows AS old_row);
    ELSE -- the stamp sees to it that a row keeps its id
        SELECT array_agg(was), array_agg(becomes) INTO before, after
        FROM old_rows AS old_row JOIN new_rows AS new_row USING (id),
             LATERAL (SELECT to_jsonb(old_row) AS was, to_jsonb(new_row) AS becomes) AS pair
        WHERE was - (quiet || '{changed_at,version}') <> becomes - (quiet || '{changed_at,version}');
    END IF;
    IF coalesce(cardinality(before), cardinality(after), 0) = 0 THEN
        RETURN NULL;
    END IF;
    part := protection.verified_pass();
    INSERT INTO public.protection_entry
        (id, lab_id, at, actor_id, mode, origin, request_id, kind, what, record_id, action, changes)
    SELECT gen_random_uuid(), part[1]::uuid, clock_timestamp(), nullif(part[2], '')::uuid, part[3], part[7], part[6],
           'row', TG_TABLE_NAME, (coalesce(becomes, was) ->> 'id')::uuid, lower(TG_OP), coalesce(changed, '{}')
    FROM unnest(before, after) AS pair (was, becomes), LATERAL (
        SELECT jsonb_object_agg(key, CASE WHEN '!' || key = ANY (quiet) THEN '["geheim", "geheim"]'
                                          ELSE jsonb_build_array(was -> key, becomes -> key) END) AS changed
        FROM jsonb_each(coalesce(becomes, was) - '{id,lab_id,created_at,changed_at,version}'::text[])
        WHERE coalesce(was -> key, 'null') <> coalesce(becomes -> key, 'null')
          AND NOT (TG_OP = 'UPDATE' AND key = ANY (quiet))
    ) AS difference
    WHERE changed IS NOT NULL OR TG_OP <> 'UPDATE';
    RETURN NULL;
END $$;

-- What changes no row: sign-in, export, print. The only way for the app to add to the trail.
CREATE OR REPLACE FUNCTION protection.record_event(event text, about_table text, about uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    part text[] := protection.verified_pass();
BEGIN
    INSERT INTO public.protection_entry
        (id, lab_id, at, actor_id, mode, origin, request_id, kind, what, record_id, action, changes)
    VALUES (gen_random_uuid(), part[1]::uuid, clock_timestamp(), nullif(part[2], '')::uuid, part[3], part[7], part[6],
            'event', event, about, coalesce(about_table, ''), facts);
END $$;
REVOKE ALL ON FUNCTION protection.record_event(text, text, uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.record_event(text, text, uuid, jsonb) TO dentatool_app, dentatool_practice;

-- Security events before a laboratory is known. The app adds and cannot read. Anybody can cause them, so each name is
-- bounded: the 600th of a minute says so, and what follows is dropped.
CREATE OR REPLACE FUNCTION protection.record_platform_event(event text, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    name text := left(event, 60);
    recent integer := (SELECT count(*) FROM (
        SELECT FROM public.protection_platformevent e
        WHERE e.event = name AND e.at > clock_timestamp() - interval '1 minute' LIMIT 600) AS counted);
BEGIN
    IF recent < 600 THEN
        INSERT INTO public.protection_platformevent (id, at, event, facts)
        VALUES (gen_random_uuid(), clock_timestamp(), name, facts);
    END IF;
    IF recent = 599 THEN
        INSERT INTO public.protection_platformevent (id, at, event, facts)
        VALUES (gen_random_uuid(), clock_timestamp(), 'excess_rate_limit_exceeded', jsonb_build_object('limit', name));
    END IF;
END $$;
REVOKE ALL ON FUNCTION protection.record_platform_event(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.record_platform_event(text, jsonb) TO dentatool_app, dentatool_practice;

-- How long each name is kept: written by the owner at every migrate (retention.py), readable for nobody else.
CREATE TABLE IF NOT EXISTS protection.retention (
    what text PRIMARY KEY,
    kept text NOT NULL,
    keep_days integer NOT NULL CHECK (keep_days >= 30)
);
REVOKE ALL ON protection.retention FROM PUBLIC;

-- What is due goes, and an entry says how much. The caller chooses neither names nor days; the policies on the table
-- still demand a valid pass of this very laboratory. A name that is no longer known is kept as long as any.
CREATE OR REPLACE FUNCTION protection.expire_entries(most integer) RETURNS TABLE (kept text, gone bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    part text[] := protection.verified_pass();
    own uuid := protection.writing_lab();
    rule protection.retention;
    deleted bigint;
    total jsonb := '{}';
BEGIN
    IF own IS NULL THEN
        RAISE EXCEPTION 'dentatool: no pass' USING ERRCODE = 'DT001';
    END IF;
    FOR rule IN SELECT * FROM protection.retention LOOP
        DELETE FROM public.protection_entry WHERE lab_id = own AND id = ANY (ARRAY(
            SELECT id FROM public.protection_entry
            WHERE lab_id = own AND what = rule.what AND at < now() - make_interval(days => rule.keep_days)
            ORDER BY at LIMIT most));
        GET DIAGNOSTICS deleted = ROW_COUNT;
        total := total || jsonb_build_object(rule.kept, coalesce((total ->> rule.kept)::bigint, 0) + deleted);
    END LOOP;
    DELETE FROM public.protection_entry WHERE lab_id = own AND id = ANY (ARRAY(
        SELECT e.id FROM public.protection_entry e
        WHERE e.lab_id = own AND NOT EXISTS (SELECT FROM protection.retention r WHERE r.what = e.what)
          AND e.at < now() - make_interval(days => (SELECT max(keep_days) FROM protection.retention))
        ORDER BY e.at LIMIT most));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    total := total || jsonb_build_object('business', coalesce((total ->> 'business')::bigint, 0) + deleted);
    IF EXISTS (SELECT FROM jsonb_each_text(total) AS one WHERE one.value <> '0') THEN
        INSERT INTO public.protection_entry
            (id, lab_id, at, actor_id, mode, origin, request_id, kind, what, record_id, action, changes)
        VALUES (gen_random_uuid(), own, clock_timestamp(), nullif(part[2], '')::uuid, part[3], part[7], part[6],
                'event', 'trail.expired', NULL, '', total);
    END IF;
    RETURN QUERY SELECT one.key, one.value::bigint FROM jsonb_each_text(total) AS one;
END $$;

CREATE OR REPLACE FUNCTION protection.expire_platform_events(most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    deleted bigint;
BEGIN
    DELETE FROM public.protection_platformevent WHERE id = ANY (ARRAY(
        SELECT e.id FROM public.protection_platformevent e LEFT JOIN protection.retention r ON r.what = e.event
        WHERE e.at < now() - make_interval(days => coalesce(r.keep_days, (SELECT max(keep_days) FROM protection.retention)))
        ORDER BY e.at LIMIT most));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    IF deleted > 0 THEN
        PERFORM protection.record_platform_event('trail.expired', jsonb_build_object('count', deleted));
    END IF;
    RETURN deleted;
END $$;
REVOKE ALL ON FUNCTION protection.expire_entries(integer), protection.expire_platform_events(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.expire_entries(integer), protection.expire_platform_events(integer)
    TO dentatool_worker;

-- Records that never change: refuses whatever reaches it; the WHEN of the trigger decides.
CREATE OR REPLACE FUNCTION protection.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'dentatool: % is issued and never changes', TG_TABLE_NAME USING ERRCODE = 'DT006';
END $$;

-- The same for parts of such a record. TG_ARGV: parent table, its frozen-since column, our column.
CREATE OR REPLACE FUNCTION protection.refuse_change_of_part() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    row_after jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
    row_before jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    parent uuid;
    is_frozen boolean;
BEGIN
    FOREACH parent IN ARRAY ARRAY[(row_after ->> TG_ARGV[2])::uuid, (row_before ->> TG_ARGV[2])::uuid] LOOP
        -- FOR SHARE waits for whoever is just issuing the parent.
        EXECUTE format('SELECT %I IS NOT NULL FROM public.%I WHERE lab_id = $1 AND id = $2 FOR SHARE',
                       TG_ARGV[1], TG_ARGV[0])
            INTO is_frozen
            USING coalesce(row_after ->> 'lab_id', row_before ->> 'lab_id')::uuid, parent;
        IF is_frozen THEN
            RAISE EXCEPTION 'dentatool: % belongs to an issued % and never changes', TG_TABLE_NAME, TG_ARGV[0]
                USING ERRCODE = 'DT006';
        END IF;
    END LOOP;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- Reviews of the provider's administrative access (operations/admin_review.py): for the owner alone, and final once closed.
CREATE TABLE IF NOT EXISTS protection.access_review (
    id uuid PRIMARY KEY,
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    due_at timestamptz NOT NULL,
    entries jsonb NOT NULL,
    closed_at timestamptz,
    closed_by text,
    report bytea
);
REVOKE ALL ON protection.access_review FROM PUBLIC;
DROP TRIGGER IF EXISTS dentatool_frozen ON protection.access_review;
CREATE TRIGGER dentatool_frozen BEFORE UPDATE OR DELETE ON protection.access_review
    FOR EACH ROW WHEN (old.closed_at IS NOT NULL) EXECUTE FUNCTION protection.refuse_change();
DROP TRIGGER IF EXISTS dentatool_frozen_truncate ON protection.access_review;
CREATE TRIGGER dentatool_frozen_truncate BEFORE TRUNCATE ON protection.access_review
    FOR EACH STATEMENT EXECUTE FUNCTION protection.refuse_change();
