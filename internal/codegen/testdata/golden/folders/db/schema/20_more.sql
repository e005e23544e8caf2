CREATE TABLE links (
  id bigint PRIMARY KEY,
  page_id bigint NOT NULL REFERENCES pages
);
