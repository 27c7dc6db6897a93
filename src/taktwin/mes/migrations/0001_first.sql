-- The journal: log of events, outbox and audit in one. A role may add; nobody may change.
CREATE TABLE journal (
    sequence      bigint PRIMARY KEY,
    event_type    text   NOT NULL,
    subject       text   NOT NULL,
    time_ns       bigint NOT NULL,
    recorded_ns   bigint NOT NULL,
    actor         text   NOT NULL,
    actor_type    text   NOT NULL,
    on_behalf_of  text   NOT NULL,
    reason        text   NOT NULL,
    correlation   text   NOT NULL,
    content       text   NOT NULL,
    previous_hash text   NOT NULL,
    hash          text   NOT NULL
);
CREATE INDEX journal_subject ON journal (subject, sequence);

CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % refused', TG_OP;
END $$;
CREATE TRIGGER journal_rows BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_is_append_only();
CREATE TRIGGER journal_whole BEFORE TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

-- One row: the end of the chain. Who writes locks it, so that there is one writer at a time.
CREATE TABLE journal_head (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    sequence bigint  NOT NULL,
    hash     text    NOT NULL
);
INSERT INTO journal_head (sequence, hash) VALUES (0, repeat('0', 64));

-- How far the relay has told the backbone.
CREATE TABLE relay (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    sequence bigint  NOT NULL
);
INSERT INTO relay (sequence) VALUES (0);

-- Answers that were given: a command that comes twice is answered again and done once.
CREATE TABLE answers (
    command text   PRIMARY KEY,
    at_ns   bigint NOT NULL,
    answer  text   NOT NULL
);

CREATE TABLE requests (
    request     text PRIMARY KEY,
    product     text NOT NULL,
    quantity    bigint NOT NULL CHECK (quantity > 0),
    due_ns      bigint NOT NULL,
    priority    bigint NOT NULL,
    customer    text NOT NULL,
    state       text NOT NULL,
    received_ns bigint NOT NULL,
    version     bigint NOT NULL
);
CREATE INDEX requests_state ON requests (state);

CREATE TABLE job_orders (
    job             text PRIMARY KEY,
    request         text NOT NULL,
    operation       bigint NOT NULL,
    name            text NOT NULL,
    product         text NOT NULL,
    equipment_class text NOT NULL,
    work_unit       text NOT NULL,
    quantity        bigint NOT NULL,
    due_ns          bigint NOT NULL,
    priority        bigint NOT NULL,
    last_operation  boolean NOT NULL,
    state           text NOT NULL,
    sub_state       text NOT NULL,
    good            bigint NOT NULL CHECK (good >= 0),
    scrap           bigint NOT NULL CHECK (scrap >= 0),
    started_ns      bigint NOT NULL,
    ended_ns        bigint NOT NULL,
    reason          text NOT NULL,
    version         bigint NOT NULL
);
CREATE INDEX job_orders_request ON job_orders (request);
CREATE INDEX job_orders_work_unit ON job_orders (work_unit, state);
CREATE INDEX job_orders_state ON job_orders (state);

CREATE TABLE lots (
    lot         text PRIMARY KEY,
    product     text NOT NULL,
    quantity    double precision NOT NULL,
    remaining   double precision NOT NULL CHECK (remaining >= 0),
    disposition text NOT NULL,
    reason      text NOT NULL,
    received_ns bigint NOT NULL,
    version     bigint NOT NULL
);
CREATE INDEX lots_product ON lots (product, disposition);

CREATE TABLE loaded_lots (
    place     text PRIMARY KEY,
    work_unit text NOT NULL,
    product   text NOT NULL,
    lot       text NOT NULL,
    loaded_ns bigint NOT NULL
);
CREATE INDEX loaded_lots_work_unit ON loaded_lots (work_unit);

CREATE TABLE units (
    unit        text PRIMARY KEY,
    product     text NOT NULL,
    request     text NOT NULL,
    disposition text NOT NULL,
    reason      text NOT NULL,
    operation   bigint NOT NULL,
    created_ns  bigint NOT NULL,
    finished_ns bigint NOT NULL,
    version     bigint NOT NULL
);
CREATE INDEX units_request ON units (request);

CREATE TABLE passages (
    passage   text PRIMARY KEY,
    unit      text NOT NULL,
    job       text NOT NULL,
    operation bigint NOT NULL,
    work_unit text NOT NULL,
    good      boolean NOT NULL,
    at_ns     bigint NOT NULL
);
CREATE INDEX passages_unit ON passages (unit);

CREATE TABLE consumptions (
    consumption text PRIMARY KEY,
    unit        text NOT NULL,
    component   text NOT NULL,
    lot         text NOT NULL,
    quantity    double precision NOT NULL CHECK (quantity > 0),
    job         text NOT NULL,
    work_unit   text NOT NULL,
    at_ns       bigint NOT NULL
);
CREATE INDEX consumptions_unit ON consumptions (unit);
CREATE INDEX consumptions_lot ON consumptions (lot);

CREATE TABLE scrap_reports (
    report    text PRIMARY KEY,
    job       text NOT NULL,
    quantity  bigint NOT NULL CHECK (quantity > 0),
    reason    text NOT NULL,
    unit      text NOT NULL,
    at_ns     bigint NOT NULL,
    undone    boolean NOT NULL
);
CREATE INDEX scrap_reports_job ON scrap_reports (job);

CREATE TABLE counters (
    signal    text PRIMARY KEY,
    work_unit text NOT NULL,
    value     bigint NOT NULL,
    source_ns bigint NOT NULL,
    booked    bigint NOT NULL,
    loose     bigint NOT NULL
);

-- What collection has heard, with how far it has read: no facts, and so not rebuilt from the journal.
CREATE TABLE readings (
    signal    text PRIMARY KEY,
    value     text NOT NULL,
    source_ns bigint NOT NULL
);
CREATE TABLE positions (
    stream   text PRIMARY KEY,
    sequence bigint NOT NULL
);
