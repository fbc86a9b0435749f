-- What of the live database decides about isolation, as rows (kind, name, value). Reads catalogues only.
-- inspection.py compares it with what the program itself would make. Needs the owner's role (pg_roles).
WITH place AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'
), relation AS (
    SELECT c.*, p.nspname || '.' || c.relname AS name FROM pg_class c JOIN place p ON p.oid = c.relnamespace
), grown AS ( -- what an extension brought belongs to the extension, which is named as a whole
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), our_role AS (
    SELECT oid, rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles
    WHERE rolname IN ('dentatool_owner', 'dentatool_app', 'dentatool_worker', 'dentatool_practice', 'dentatool_doors',
                      'dentatool_keys', 'dentatool_backup')
), held (object, owner, acl) AS (
    SELECT name, relowner, relacl FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT name || '.' || attname, relowner, attacl FROM relation JOIN pg_attribute ON attrelid = relation.oid
    UNION ALL
    SELECT f.oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner))
    FROM pg_proc f JOIN place ON place.oid = pronamespace
    WHERE NOT EXISTS (SELECT FROM grown WHERE classid = 'pg_proc'::regclass AND objid = f.oid)
    UNION ALL
    SELECT 'Schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM place
    UNION ALL
    SELECT 'Datenbank', datdba, coalesce(datacl, acldefault('d', datdba)) FROM pg_database
    WHERE datname = current_database()
    UNION ALL
    SELECT 'Parameter ' || parname, 10, paracl FROM pg_parameter_acl
), catalogue (kind, name, value) AS (
    SELECT 'Schema', nspname::text, nspowner::regrole::text FROM place
    UNION ALL
    SELECT 'Tabelle', name, concat_ws(' ', relkind, relowner::regrole,
           CASE WHEN relrowsecurity AND relforcerowsecurity THEN 'erzwungen'
                WHEN relrowsecurity THEN 'Zeilenschutz gilt nicht für den Besitzer' ELSE 'ohne Zeilenschutz' END)
    FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'Zeilenregel', polname || ' an ' || name, concat_ws(' ',
           CASE polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete'
                       ELSE 'all' END,
           CASE WHEN polpermissive THEN '' ELSE 'restrictive' END,
           'to', (SELECT string_agg(coalesce(rolname, 'public'), ',' ORDER BY rolname)
                  FROM unnest(polroles) AS held_by LEFT JOIN pg_roles ON pg_roles.oid = held_by),
           'using', coalesce(pg_get_expr(polqual, polrelid), '-'),
           'check', coalesce(pg_get_expr(polwithcheck, polrelid), '-'))
    FROM pg_policy JOIN relation ON relation.oid = polrelid
    UNION ALL
    SELECT 'Trigger', tgname || ' an ' || name, CASE tgenabled WHEN 'O' THEN '' WHEN 'D' THEN 'ABGESCHALTET ' ELSE 'NUR BEI REPLIKATION ' END
           || pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN relation ON relation.oid = tgrelid WHERE NOT tgisinternal
    UNION ALL
    SELECT DISTINCT 'Prüfung des Fremdschlüssels', coalesce(conname, tgname) || ' an ' || name, 'abgeschaltet'
    FROM pg_trigger t JOIN relation ON relation.oid = tgrelid LEFT JOIN pg_constraint k ON k.oid = tgconstraint
    WHERE tgisinternal AND tgenabled <> 'O'
    UNION ALL
    SELECT 'Schlüssel', conname || ' an ' || name,
           pg_get_constraintdef(k.oid) || CASE WHEN convalidated THEN '' ELSE ' ungeprüft' END
    FROM pg_constraint k JOIN relation ON relation.oid = conrelid WHERE contype IN ('p', 'f', 'x')
    UNION ALL
    SELECT 'Bedingung', conname || ' an ' || name, CASE WHEN convalidated THEN 'gilt' ELSE 'ungeprüft' END
    FROM pg_constraint k JOIN relation ON relation.oid = conrelid WHERE contype = 'c'
    UNION ALL
    SELECT 'Bedingung', index.relname || ' an ' || relation.name, CASE WHEN indisvalid THEN 'einmalig: ' ELSE 'ungültig: ' END
           || (SELECT string_agg(attname, ', ' ORDER BY place) FROM unnest(indkey) WITH ORDINALITY AS part (number, place)
               JOIN pg_attribute ON attrelid = indrelid AND attnum = part.number)
    FROM pg_index JOIN relation ON relation.oid = indrelid JOIN pg_class index ON index.oid = indexrelid
    WHERE indisunique
    UNION ALL -- a value that may occur only once on the whole platform tells of others
    SELECT 'Eindeutigkeit', index.relname || ' an ' || relation.name, 'über alle Labore'
    FROM pg_index JOIN relation ON relation.oid = indrelid JOIN pg_class index ON index.oid = indexrelid
    LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
    WHERE (indisunique OR indisexclusion) AND attname IS DISTINCT FROM 'lab_id'
    UNION ALL
    SELECT 'Spalte', name || '.' || attname, concat_ws(' ', atttypid::regtype, CASE WHEN attnotnull THEN 'not null' END,
           'default', pg_get_expr(adbin, adrelid))
    FROM pg_attribute JOIN relation ON relation.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attname = 'lab_id' AND relkind IN ('r', 'p')
    UNION ALL
    SELECT 'Statistik', name || '.' || attname, CASE WHEN attstattarget = 0 THEN 'keine' ELSE 'sammelt Werte' END
    FROM pg_attribute JOIN relation ON relation.oid = attrelid
    WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p')
    UNION ALL
    SELECT 'Funktion', format('%s.%s(%s)', nspname, proname, pg_get_function_identity_arguments(f.oid)), concat_ws(' ',
           proowner::regrole, lanname, CASE WHEN prosecdef THEN 'definer' ELSE 'invoker' END,
           CASE provolatile WHEN 's' THEN 'stable' WHEN 'i' THEN 'immutable' ELSE 'volatile' END,
           CASE WHEN proleakproof THEN 'leakproof' END, array_to_string(proconfig, ','),
           left(encode(sha256(convert_to(prosrc, 'UTF8')), 'hex'), 16))
    FROM pg_proc f JOIN pg_namespace n ON n.oid = pronamespace JOIN pg_language l ON l.oid = prolang
    WHERE (pronamespace IN (SELECT oid FROM place) OR f.oid >= 16384)
      AND NOT EXISTS (SELECT FROM grown WHERE classid = 'pg_proc'::regclass AND objid = f.oid)
    UNION ALL
    SELECT 'Recht', object || ' für ' || CASE grantee WHEN 0 THEN 'alle' ELSE grantee::regrole::text END,
           string_agg(lower(privilege_type) || CASE WHEN is_grantable THEN ' (übertragbar)' ELSE '' END, ','
                      ORDER BY privilege_type)
    FROM held, LATERAL aclexplode(acl) WHERE grantee <> owner GROUP BY object, grantee
    UNION ALL
    SELECT 'Rolle', rolname, concat_ws(' ', CASE WHEN rolcanlogin THEN 'login' END,
           CASE WHEN rolsuper THEN 'superuser' END,
           CASE WHEN rolbypassrls AND rolname <> 'dentatool_backup' THEN 'bypassrls' END, -- the doctor looks at that one
           CASE WHEN rolcreaterole THEN 'createrole' END, CASE WHEN rolcreatedb THEN 'createdb' END,
           CASE WHEN rolreplication THEN 'replication' END)
    FROM our_role
    UNION ALL -- who may administer roles could take any membership, so theirs tell nothing
    SELECT 'Mitgliedschaft', member.rolname || ' in ' || roleid::regrole, concat_ws(' ', CASE WHEN admin_option THEN 'admin' END)
    FROM pg_auth_members JOIN pg_roles member ON member.oid = pg_auth_members.member
    WHERE (member.oid IN (SELECT oid FROM our_role) OR roleid IN (SELECT oid FROM our_role))
      AND (member.oid IN (SELECT oid FROM our_role) OR NOT (member.rolsuper OR member.rolcreaterole))
    UNION ALL
    SELECT 'Einstellung', split_part(setting, '=', 1) || ' für ' || coalesce(rolname, 'die Datenbank'),
           split_part(setting, '=', 2)
    FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole, unnest(setconfig) AS setting
    WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
      AND (setrole = 0 OR setrole IN (SELECT oid FROM our_role))
      AND split_part(setting, '=', 1) !~ '^(lock_timeout|statement_timeout|idle_in_transaction_session_timeout|'
          'transaction_timeout|default_transaction_read_only|timezone|work_mem|log_.*|auto_explain\..*)$'
    UNION ALL
    SELECT 'Einstellung', name || ' für diese Verbindung', current_setting(name)
    FROM (VALUES ('session_replication_role', 'origin'), ('row_security', 'on')) AS safe (name, wanted)
    WHERE current_setting(name) <> wanted
    UNION ALL
    SELECT 'Erweiterung', extname, '' FROM pg_extension
    UNION ALL
    SELECT 'Regel', rulename || ' an ' || name, '' FROM pg_rewrite JOIN relation ON relation.oid = ev_class
    WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT 'Ereignistrigger', evtname, '' FROM pg_event_trigger
    UNION ALL
    SELECT 'Vorgabe für Rechte', defaclrole::regrole::text, '' FROM pg_default_acl
    UNION ALL
    SELECT 'Veröffentlichung', pubname, '' FROM pg_publication
    UNION ALL
    SELECT 'Fremder Server', srvname, '' FROM pg_foreign_server
    UNION ALL
    SELECT 'Sonderstatistik', stxname, '' FROM pg_statistic_ext
    UNION ALL
    SELECT 'Operator', format('%s.%s', oprnamespace::regnamespace, oprname), '' FROM pg_operator o
    WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM grown WHERE classid = 'pg_operator'::regclass AND objid = o.oid)
    UNION ALL
    SELECT 'Umwandlung', castsource::regtype || ' nach ' || casttarget::regtype, '' FROM pg_cast k
    WHERE k.oid >= 16384 AND NOT EXISTS (SELECT FROM grown WHERE classid = 'pg_cast'::regclass AND objid = k.oid)
)
SELECT kind, name, value FROM catalogue ORDER BY kind, name
