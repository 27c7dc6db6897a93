-- What a fact changed in rows that were there before: made of the journal alone, like all rows.
CREATE TABLE changes (
    change   text PRIMARY KEY,
    sequence bigint NOT NULL,
    kind     text NOT NULL,
    object   text NOT NULL,
    fields   text NOT NULL
);
CREATE INDEX changes_sequence ON changes (sequence);
CREATE INDEX changes_object ON changes (object, sequence DESC);

-- The audit view asks by person and by time. Machines and services write most entries: those are left out.
CREATE INDEX journal_actor ON journal (actor, sequence) WHERE actor_type <> 'service';
CREATE INDEX journal_person ON journal (on_behalf_of, sequence) WHERE on_behalf_of <> '';
CREATE INDEX journal_recorded ON journal USING brin (recorded_ns);

-- A signature of a record names the record that was looked at.
ALTER TABLE signatures ADD COLUMN digest text NOT NULL DEFAULT '';
CREATE INDEX nonconformances_unit_open ON nonconformances (unit, state) WHERE unit <> '';
