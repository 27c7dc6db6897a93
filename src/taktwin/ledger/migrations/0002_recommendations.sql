-- Step 1 is the journal of `storage`. A recommendation without a proof cannot be kept, whoever writes.
CREATE FUNCTION is_proof(proof jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(
        length(proof ->> 'scenario_id') > 0
        AND length(proof ->> 'snapshot_id') > 0
        AND length(proof ->> 'snapshot_hash') > 0
        AND (proof ->> 'state_ns')::numeric > 0
        AND (proof ->> 'common_random_numbers')::boolean
        AND (proof -> 'validity' ->> 'epochs')::numeric > 0
        AND (proof -> 'validity' ->> 'error')::numeric <= (proof -> 'validity' ->> 'limit')::numeric
        AND jsonb_path_exists(proof, '$.alternatives[*] ? (@.name == "nothing")')
        AND jsonb_path_exists(
            proof,
            '$.alternatives[*] ? (@.name == $.chosen && @.name != "nothing" && @.significant == true
              && @.replications >= 20 && @.effects.size() > 0)'
        ),
        false
    )
$$;

CREATE TABLE recommendations (
    recommendation text   PRIMARY KEY,
    advice_class   text   NOT NULL CHECK (advice_class <> ''),
    work_unit      text   NOT NULL,
    state          text   NOT NULL CHECK (state IN (
        'Validated', 'Proposed', 'Accepted', 'Rejected', 'Expired', 'Superseded', 'Dispatched',
        'Acknowledged', 'Failed', 'Measured'
    )),
    version        bigint NOT NULL CHECK (version > 0),
    expires_ns     bigint NOT NULL CHECK (expires_ns > 0),
    changed_ns     bigint NOT NULL,
    due            text   NOT NULL CHECK (due IN ('', 'measure', 'assess')),
    effect_p10     double precision NOT NULL,
    effect_p90     double precision NOT NULL,
    proof          text   NOT NULL CHECK (is_proof(proof::jsonb)),
    document       text   NOT NULL,
    CHECK (effect_p10 <= effect_p90),
    -- Who decided is named, and what was measured is there, in each state that says so.
    CHECK (state NOT IN ('Accepted', 'Rejected', 'Dispatched', 'Acknowledged', 'Measured')
           OR coalesce(document::jsonb -> 'decision' ->> 'person', '') <> ''),
    CHECK (state <> 'Measured'
           OR coalesce(document::jsonb -> 'outcome' ->> 'counterfactual_id', '') <> '')
);
CREATE INDEX recommendations_state ON recommendations (state);
CREATE INDEX recommendations_class ON recommendations (advice_class, work_unit, state);
CREATE INDEX recommendations_changed ON recommendations (changed_ns);
CREATE INDEX recommendations_due ON recommendations (due) WHERE due <> '';

-- The same of the fact itself: no chain can hold one that was never proven.
ALTER TABLE journal ADD CHECK (
    event_type <> 'recommendation.validated' OR is_proof(content::jsonb -> 'proposal' -> 'proof')
);

CREATE TABLE advice_classes (
    advice_class text   PRIMARY KEY,
    level        text   NOT NULL CHECK (level IN ('observe', 'advise', 'one-click')),
    document     text   NOT NULL
);

-- The portal's seals: who sees one can do with it what the person has done, once. They stand in no journal.
CREATE TABLE grants (
    recommendation text PRIMARY KEY,
    seal           text NOT NULL
);

-- What the MES said in the last hour, as far as a proof may rest on it.
CREATE TABLE heard (
    heard      text   PRIMARY KEY,
    event_type text   NOT NULL,
    subject    text   NOT NULL,
    at_ns      bigint NOT NULL,
    data       text   NOT NULL
);
CREATE INDEX heard_at ON heard (at_ns);

CREATE TABLE positions (
    stream   text   PRIMARY KEY,
    sequence bigint NOT NULL
);
