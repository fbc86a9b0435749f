-- The trail: who, when, from where, which record, which columns, old and new. Safe to repeat.

-- Left from databases of 23.11.2026, with the triggers on them: a call for each row, at a higher cost.
DROP FUNCTION IF EXISTS protection.audit_row() CASCADE;
DROP FUNCTION IF EXISTS protection.write_entry(text, text, uuid, text, jsonb);

-- Both writers below run as the owner, because the app itself may not insert; the policy on the table still
-- demands a valid pass for the same laboratory.

-- After every statement that changes Records, one entry for each changed row, all at once: a trigger for
-- each row would check the pass and plan its INSERT again and again. TG_ARGV: columns whose change alone is
-- not worth an entry; with "!" before the name, columns whose change is noted but whose value is a secret.
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
    IF TG_OP = 'INSERT' THEN
        after := ARRAY(SELECT to_jsonb(new_row) FROM new_rows AS new_row);
    ELSIF TG_OP = 'DELETE' THEN
        before := ARRAY(SELECT to_jsonb(old_row) FROM old_rows AS old_row);
    ELSE -- the stamp sees to it that a row keeps its id
        SELECT array_agg(to_jsonb(old_row)), array_agg(to_jsonb(new_row)) INTO before, after
        FROM old_rows AS old_row JOIN new_rows AS new_row USING (id);
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

-- Security events before a laboratory is known. The app adds and cannot read.
CREATE OR REPLACE FUNCTION protection.record_platform_event(event text, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO public.protection_platformevent (id, at, event, facts)
    VALUES (gen_random_uuid(), clock_timestamp(), left(event, 60), facts);
END $$;
REVOKE ALL ON FUNCTION protection.record_platform_event(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.record_platform_event(text, jsonb) TO dentatool_app, dentatool_practice;

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
