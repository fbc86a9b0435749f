-- Sealing stored values anew under a newer key, and nothing else. Run last at every migrate; safe to repeat.
-- The function belongs to dentatool_keys, a role that nobody can sign in as. It may read and write sealed columns and no
-- others (shield.py grants them one by one), and only the owner may call it, from a command on the server, under the pass
-- of one laboratory: for the app and the worker it does not exist. What this role writes is no change of a record: the
-- triggers of stamp, guard, trail and "issued" let it by (shield.py), because the value stays the same.
-- It cannot know that it does. So it takes no more than the shape allows: a value in place of exactly the one that was
-- read, of the same form and length, under a key of this laboratory that is in use and not older. A row that somebody
-- else holds or has changed since is left alone; nobody ever waits for it, and it waits for nobody.
GRANT SELECT (lab_id, kind, key_version, retired_at) ON protection_labkey TO dentatool_keys;
GRANT CREATE ON SCHEMA protection TO dentatool_keys;
SET LOCAL ROLE dentatool_keys;

-- `before` and `after` hold column by column what the rows of `ids` held and shall hold; NULL: leave that one alone.
CREATE OR REPLACE FUNCTION protection.reseal(place text, fields text[], ids uuid[], before bytea[], after bytea[])
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    own uuid := protection.writing_lab();
    in_use bytea[] := ARRAY(SELECT int4send(k.key_version) FROM public.protection_labkey k
                            WHERE k.lab_id = own AND k.retired_at IS NULL);
    rows integer := cardinality(ids);
    sets text;
    same text;
    given text := 'id';
    slices text := '$2';
    free uuid[];
    done integer;
BEGIN
    IF own IS NULL THEN
        RAISE EXCEPTION 'dentatool: no pass' USING ERRCODE = 'DT001';
    END IF;
    IF cardinality(before) <> rows * cardinality(fields) OR cardinality(after) <> cardinality(before) OR EXISTS (
        SELECT FROM (
            SELECT was, becomes, CASE get_byte(was, 0) WHEN 1 THEN substr(was, 2, 4) WHEN 2 THEN substr(was, 5, 4) END AS old,
                   CASE get_byte(becomes, 0) WHEN 1 THEN substr(becomes, 2, 4) WHEN 2 THEN substr(becomes, 5, 4) END AS new
            FROM unnest(before, after) AS pair (was, becomes) WHERE becomes IS NOT NULL) AS each
        WHERE (octet_length(becomes) = octet_length(was) AND get_byte(becomes, 0) = get_byte(was, 0)
               AND new >= old AND new = ANY (in_use)) IS NOT TRUE)
    THEN
        RAISE EXCEPTION 'dentatool: this is no value sealed anew' USING ERRCODE = 'DT009';
    END IF;
    FOR n IN 1 .. cardinality(fields) LOOP
        sets := concat_ws(', ', sets, format('%I = coalesce(given.a%s, held.%I)', fields[n], n, fields[n]));
        same := concat_ws(' AND ', same, format('(given.a%s IS NULL OR held.%I = given.b%s)', n, fields[n], n));
        given := given || format(', b%s, a%s', n, n);
        slices := slices || format(', ($3)[%s:%s], ($4)[%s:%s]', (n - 1) * rows + 1, n * rows, (n - 1) * rows + 1, n * rows);
    END LOOP;
    EXECUTE format('SELECT ARRAY(SELECT f.id FROM public.%I f WHERE f.lab_id = $1 AND f.id = ANY ($2) ORDER BY f.id'
                   ' FOR NO KEY UPDATE SKIP LOCKED)', place) INTO free USING own, ids;
    EXECUTE format('UPDATE public.%I held SET %s FROM unnest(%s) AS given (%s)'
                   ' WHERE held.lab_id = $1 AND held.id = given.id AND given.id = ANY ($5) AND %s', place, sets, slices, given, same)
        USING own, ids, before, after, free;
    GET DIAGNOSTICS done = ROW_COUNT;
    RETURN done;
END $$;
REVOKE ALL ON FUNCTION protection.reseal(text, text[], uuid[], bytea[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.reseal(text, text[], uuid[], bytea[], bytea[]) TO dentatool_owner;

RESET ROLE;
REVOKE CREATE ON SCHEMA protection FROM dentatool_keys;
