CREATE TYPE state AS ENUM ('open', 'done');
CREATE TABLE tasks (
  id uuid PRIMARY KEY,
  title text NOT NULL,
  note text,
  state state NOT NULL,
  tags text[] NOT NULL,
  meta jsonb,
  due date
);
