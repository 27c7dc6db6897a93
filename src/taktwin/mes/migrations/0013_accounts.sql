-- Who may sign in. Passwords lie beside the journal; of codes, sessions and tokens only fingerprints are kept.
CREATE TABLE accounts (
    account       text PRIMARY KEY,
    printed_name  text NOT NULL,
    language      text NOT NULL,
    code          text NOT NULL,
    code_until_ns bigint NOT NULL,
    password      boolean NOT NULL,
    closed        boolean NOT NULL,
    opened_ns     bigint NOT NULL
);
CREATE TABLE role_grants (
    grant_of   text PRIMARY KEY,
    account    text NOT NULL,
    role       text NOT NULL,
    scope      text NOT NULL,
    granted_ns bigint NOT NULL
);
CREATE INDEX role_grants_account ON role_grants (account);
CREATE INDEX role_grants_role ON role_grants (role);
CREATE TABLE sessions (
    session  text PRIMARY KEY,
    account  text NOT NULL,
    begun_ns bigint NOT NULL,
    until_ns bigint NOT NULL
);
CREATE INDEX sessions_account ON sessions (account);
CREATE TABLE tokens (
    token     text PRIMARY KEY,
    account   text NOT NULL,
    name      text NOT NULL,
    actions   text NOT NULL,
    issued_ns bigint NOT NULL,
    until_ns  bigint NOT NULL,
    revoked   boolean NOT NULL
);
CREATE INDEX tokens_account ON tokens (account);
CREATE TABLE sign_in_tries (
    account         text PRIMARY KEY,
    wrong           bigint NOT NULL,
    locked_until_ns bigint NOT NULL
);
CREATE TABLE passwords (
    account text PRIMARY KEY,
    hash    text NOT NULL
);
CREATE TABLE seen (
    fingerprint text PRIMARY KEY,
    at_ns       bigint NOT NULL
);
