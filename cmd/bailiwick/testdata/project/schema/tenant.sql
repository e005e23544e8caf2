CREATE TABLE notes (
    id    bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT notes_pkey PRIMARY KEY,
    title text NOT NULL,
    body  text NOT NULL DEFAULT ''
);
CREATE FUNCTION initial(name text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left(name, 1)';
