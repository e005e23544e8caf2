-- name: StoreReadings :copyfrom
INSERT INTO readings (sensor, value, unit) VALUES ($1, $2, $3);

-- name: ListReadings :many
SELECT * FROM readings WHERE id > $1 ORDER BY id LIMIT $2;
