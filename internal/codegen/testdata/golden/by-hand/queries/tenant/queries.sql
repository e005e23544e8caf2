-- AddReadings stores many readings with COPY.
-- name: AddReadings :copyfrom
INSERT INTO readings (sensor, at, value) VALUES ($1, $2, $3);

-- name: AddSensors :copyfrom
INSERT INTO readings (sensor) VALUES ($1);

-- name: DropReadings :batchexec
DELETE FROM readings WHERE sensor = $1 AND at < $2;

-- name: LastReadings :batchone
SELECT sensor, at, value FROM readings WHERE sensor = $1 ORDER BY at DESC LIMIT 1;

-- name: AllReadings :batchmany
SELECT at, value FROM readings WHERE sensor = $1 ORDER BY at;

-- name: Touch :execresult
UPDATE readings SET at = now() WHERE sensor = $1;

-- name: LatestReadings :many
SELECT DISTINCT ON (sensor) sensor, at, value FROM readings ORDER BY sensor, at DESC;

-- name: LatestAges :many
SELECT DISTINCT ON (sensor) sensor, at, value, now() - at AS age FROM readings ORDER BY sensor, at DESC;
