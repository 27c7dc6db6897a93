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
