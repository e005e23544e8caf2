CREATE TABLE notes (
    id    bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT notes_pkey PRIMARY KEY,
    title text NOT NULL,
    body  text NOT NULL DEFAULT ''
);
CREATE VIEW titles AS SELECT id, title FROM notes;
