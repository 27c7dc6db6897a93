-- What people do by hand: checklists, photos; and what terminals kept while the server was away.
CREATE TABLE checklist_answers (
    answer          text   PRIMARY KEY,
    checklist       text   NOT NULL,
    item            text   NOT NULL,
    question        text   NOT NULL,
    job             text   NOT NULL,
    operation       bigint NOT NULL,
    work_unit       text   NOT NULL,
    person          text   NOT NULL,
    verdict         text   NOT NULL CHECK (verdict IN ('OK', 'NOK')),
    done            boolean,
    value           double precision,
    text            text   NOT NULL,
    unit_of_measure text   NOT NULL,
    lower           double precision,
    upper           double precision,
    at_ns           bigint NOT NULL
);
CREATE INDEX checklist_answers_job ON checklist_answers (job);

CREATE TABLE photos (
    photo       text   PRIMARY KEY,
    file        text   NOT NULL,
    record_kind text   NOT NULL,
    record      text   NOT NULL,
    job         text   NOT NULL,
    work_unit   text   NOT NULL,
    caption     text   NOT NULL,
    person      text   NOT NULL,
    checklist   text   NOT NULL,
    item        text   NOT NULL,
    at_ns       bigint NOT NULL
);
CREATE INDEX photos_record ON photos (record, record_kind);

CREATE TABLE bookings_set_aside (
    booking           text    PRIMARY KEY,
    terminal          text    NOT NULL,
    terminal_sequence bigint  NOT NULL,
    command           text    NOT NULL,
    content           text    NOT NULL,
    work_unit         text    NOT NULL,
    person            text    NOT NULL,
    said_ns           bigint  NOT NULL,
    booked            boolean NOT NULL,
    code              text    NOT NULL,
    place             text    NOT NULL,
    found             text    NOT NULL,
    "right"           text    NOT NULL,
    at_ns             bigint  NOT NULL,
    settled_by        text    NOT NULL,
    settled_ns        bigint  NOT NULL,
    settled           text    NOT NULL
);
CREATE INDEX bookings_set_aside_open ON bookings_set_aside (settled_by, work_unit);
CREATE INDEX bookings_set_aside_at ON bookings_set_aside (at_ns DESC);

-- How far what terminals kept was taken, and what waits for its turn: no facts, and so not rebuilt.
CREATE TABLE terminals (
    terminal      text   PRIMARY KEY,
    next_sequence bigint NOT NULL,
    last_ns       bigint NOT NULL
);
CREATE TABLE kept_bookings (
    booking    text   PRIMARY KEY,
    terminal   text   NOT NULL,
    sequence   bigint NOT NULL,
    content    text   NOT NULL,
    actor      text   NOT NULL,
    actor_type text   NOT NULL
);
CREATE INDEX kept_bookings_terminal ON kept_bookings (terminal, sequence);
