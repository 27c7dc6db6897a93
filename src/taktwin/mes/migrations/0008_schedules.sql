-- Every schedule that was published, whole: what was in force when, and who said so.
CREATE TABLE schedules (
    schedule     text PRIMARY KEY,
    version      bigint NOT NULL UNIQUE CHECK (version > 0),
    published_ns bigint NOT NULL,
    by           text NOT NULL,
    cause        text NOT NULL,
    state        text NOT NULL,
    moved_on     boolean NOT NULL,
    inside       text NOT NULL,
    jobs         text NOT NULL
);
