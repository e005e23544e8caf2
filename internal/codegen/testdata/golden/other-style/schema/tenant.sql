CREATE DOMAIN short_label AS CHARACTER VARYING CHECK (LENGTH(VALUE) <= 10);
CREATE TABLE "UserAccounts" (
  "UserID" UUID PRIMARY KEY,
  "EmailAddress" VARCHAR(255) NOT NULL,
  "DisplayName" CHARACTER VARYING,
  "CreatedAt" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "LoginCount" INT8 NOT NULL DEFAULT 0
);
CREATE TABLE category (
  category_id SERIAL PRIMARY KEY,
  parent_id INT,
  label CHAR(10) NOT NULL,
  nick short_label,
  nicks short_label[] NOT NULL DEFAULT '{}'
);
