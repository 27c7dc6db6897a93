-- From when on its class's time counts in which it is to be measured or compared; 0: nothing is to be found out.
ALTER TABLE recommendations ADD COLUMN due_ns bigint NOT NULL DEFAULT 0;
-- What it is about: class, work unit and where its first evidence begins; '': nothing that another shares.
ALTER TABLE recommendations ADD COLUMN life text NOT NULL DEFAULT '';
UPDATE recommendations SET
    due_ns = CASE due
        WHEN 'measure' THEN (document::jsonb -> 'execution' ->> 'done_ns')::bigint
        WHEN 'assess' THEN changed_ns
        ELSE 0
    END,
    life = CASE coalesce((document::jsonb -> 'proposal' -> 'evidence' -> 0 ->> 'from_ns')::bigint, 0)
        WHEN 0 THEN ''
        ELSE advice_class || '/' || work_unit || '/'
             || (document::jsonb -> 'proposal' -> 'evidence' -> 0 ->> 'from_ns')
    END;
ALTER TABLE recommendations ALTER COLUMN due_ns DROP DEFAULT, ALTER COLUMN life DROP DEFAULT;
CREATE INDEX recommendations_due_since ON recommendations (due, due_ns) WHERE due <> '';
CREATE INDEX recommendations_life ON recommendations (life) WHERE life <> '';
DROP INDEX recommendations_due;
