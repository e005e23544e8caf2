CREATE TYPE "default" AS ENUM ('func', 'type', '', '1st', 'a b');
CREATE TABLE "type" (
  "func" text PRIMARY KEY,
  "range" integer NOT NULL,
  "select" text,
  "package" "default" NOT NULL,
  "error" boolean NOT NULL,
  "string" text NOT NULL,
  "nil" text,
  "1st" text NOT NULL,
  "len" bigint NOT NULL
);
CREATE TABLE "Context" (
  "ctx" text PRIMARY KEY,
  "q" text NOT NULL,
  "err" text NOT NULL
);
