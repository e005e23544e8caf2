
CREATE TABLE exceptions (
    id          bigint      GENERATED ALWAYS AS IDENTITY,
    check_id    text        NOT NULL,
    severities  severity[]  NOT NULL,
    approved_by text        NOT NULL,
    expires_on  date,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT exceptions_pkey PRIMARY KEY (id),
    CONSTRAINT exceptions_check_id_key UNIQUE (check_id)
);
