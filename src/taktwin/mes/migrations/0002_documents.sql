-- Work instructions as they were released, and who has read them.
CREATE TABLE document_revisions (
    key               text    PRIMARY KEY,
    document          text    NOT NULL,
    revision          bigint  NOT NULL CHECK (revision > 0),
    title             text    NOT NULL,
    products          text    NOT NULL,
    operation         text    NOT NULL,
    required          boolean NOT NULL,
    digest            text    NOT NULL,
    steps             text    NOT NULL,
    pdf               text    NOT NULL,
    effective_from_ns bigint  NOT NULL,
    effective_to_ns   bigint  NOT NULL,
    released_ns       bigint  NOT NULL,
    withdrawn_ns      bigint  NOT NULL,
    reason            text    NOT NULL
);
CREATE INDEX document_revisions_operation ON document_revisions (operation);
CREATE INDEX document_revisions_document ON document_revisions (document);

CREATE TABLE acknowledgements (
    acknowledgement text   PRIMARY KEY,
    document        text   NOT NULL,
    revision        bigint NOT NULL,
    person          text   NOT NULL,
    at_ns           bigint NOT NULL
);
CREATE INDEX acknowledgements_document ON acknowledgements (document, revision);
