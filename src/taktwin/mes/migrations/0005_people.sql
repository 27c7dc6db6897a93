-- Certificates of skills; whether one is valid says the clock of whoever asks.
CREATE TABLE certificates (
    certificate    text PRIMARY KEY,
    person         text NOT NULL,
    skill          text NOT NULL,
    valid_until_ns bigint NOT NULL,
    granted_ns     bigint NOT NULL,
    revoked        boolean NOT NULL,
    reason         text NOT NULL,
    version        bigint NOT NULL
);
CREATE INDEX certificates_skill ON certificates (skill);

CREATE TABLE attempts (
    person          text PRIMARY KEY,
    wrong           bigint NOT NULL CHECK (wrong > 0),
    locked_until_ns bigint NOT NULL
);

-- What proves that somebody is a person: secrets, in no journal, and so not rebuilt from it.
CREATE TABLE credentials (
    person       text PRIMARY KEY,
    pin          text NOT NULL,
    badge        text NOT NULL,
    printed_name text NOT NULL
);
CREATE UNIQUE INDEX credentials_badge ON credentials (badge) WHERE badge <> '';

CREATE TABLE stays (
    stay      text PRIMARY KEY,
    person    text NOT NULL,
    work_unit text NOT NULL,
    activity  text NOT NULL,
    proof     text NOT NULL,
    from_ns   bigint NOT NULL,
    to_ns     bigint NOT NULL CHECK (to_ns = 0 OR to_ns >= from_ns),
    ended_day bigint NOT NULL
);
-- Nobody is in two places.
CREATE UNIQUE INDEX stays_open ON stays (person) WHERE to_ns = 0;
CREATE INDEX stays_ended ON stays (ended_day);
CREATE INDEX stays_work_unit ON stays (work_unit, to_ns);

CREATE TABLE shift_notes (
    note      text PRIMARY KEY,
    work_unit text NOT NULL,
    person    text NOT NULL,
    text      text NOT NULL,
    at_ns     bigint NOT NULL,
    read_by   text NOT NULL,
    read_ns   bigint NOT NULL
);
CREATE INDEX shift_notes_work_unit ON shift_notes (work_unit, read_by);

CREATE TABLE signatures (
    signature    text PRIMARY KEY,
    kind         text NOT NULL,
    record       text NOT NULL,
    meaning      text NOT NULL,
    person       text NOT NULL,
    printed_name text NOT NULL,
    at_ns        bigint NOT NULL
);
CREATE INDEX signatures_record ON signatures (record, kind);
