-- Quality: what was measured, what is not as specified and what was decided on it.
CREATE TABLE results (
    result          text PRIMARY KEY,
    characteristic  text NOT NULL,
    name            text NOT NULL,
    product         text NOT NULL,
    job             text NOT NULL,
    operation       bigint NOT NULL,
    work_unit       text NOT NULL,
    unit            text NOT NULL,
    verdict         text NOT NULL,
    value           double precision,
    unit_of_measure text NOT NULL,
    lower           double precision,
    upper           double precision,
    signal          text NOT NULL,
    person          text NOT NULL,
    gauge           text NOT NULL,
    nonconformance  text NOT NULL,
    at_ns           bigint NOT NULL
);
CREATE INDEX results_unit ON results (unit) WHERE unit <> '';
CREATE INDEX results_characteristic ON results (characteristic, at_ns DESC);
CREATE INDEX results_nonconformance ON results (nonconformance) WHERE nonconformance <> '';

CREATE TABLE nonconformances (
    nonconformance text PRIMARY KEY,
    number         bigint NOT NULL UNIQUE,
    characteristic text NOT NULL,
    cause          text NOT NULL,
    product        text NOT NULL,
    job            text NOT NULL,
    operation      bigint NOT NULL,
    work_unit      text NOT NULL,
    unit           text NOT NULL,
    result         text NOT NULL,
    results        bigint NOT NULL,
    suspects       bigint NOT NULL CHECK (suspects > 0),
    good_ns        bigint NOT NULL,
    opened_ns      bigint NOT NULL,
    person         text NOT NULL,
    signal         text NOT NULL,
    state          text NOT NULL,
    disposition    text NOT NULL,
    reason         text NOT NULL,
    decided_by     text NOT NULL,
    decided_ns     bigint NOT NULL,
    version        bigint NOT NULL
);
CREATE INDEX nonconformances_state ON nonconformances (state, number DESC);
CREATE INDEX nonconformances_unit ON nonconformances (unit);
CREATE INDEX nonconformances_job ON nonconformances (job, characteristic);

-- Where the sampling of a characteristic stands at a work unit.
CREATE TABLE inspections (
    inspection     text PRIMARY KEY,
    characteristic text NOT NULL,
    work_unit      text NOT NULL,
    result         text NOT NULL,
    made           bigint NOT NULL,
    at_ns          bigint NOT NULL,
    good_made      bigint NOT NULL,
    good_ns        bigint NOT NULL
);

-- A machine's text and the one before it: a count or a value may come after the next part has begun.
ALTER TABLE readings ADD COLUMN before text NOT NULL DEFAULT '', ADD COLUMN before_ns bigint NOT NULL DEFAULT 0,
    ADD COLUMN counted text NOT NULL DEFAULT '';

-- The units that wait for a decision are few, whatever number was made; parts of a job by their way.
CREATE INDEX units_restricted ON units (disposition) WHERE disposition = 'Restricted';
CREATE INDEX passages_job ON passages (job);
