package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"
	maxIdempotencyKey    = 255
)

// TenantQueries is the queries of scope tenant, as generated.
type TenantQueries[Q any] interface {
	Transactor[Q]
	Querier() *tenant.Querier
}

// Once is a request that may come again under the same Idempotency-Key.
type Once[R any] struct {
	// Operation and the authenticated subject are what the key belongs to.
	Operation string
	// Key is the header; nil runs the request as if it had none to it.
	Key *string
	// Request is what has to be the same each time, in JSON.
	Request any
	// Visit writes a response, and Stored makes one that is kept as it was written.
	Visit  func(R, http.ResponseWriter) error
	Stored func(Stored) R
}

// Idempotent runs a request once under its key, in one transaction with what
// remembers the answer: the table idempotency_keys of the tenant. The same request
// again gets the answer of before, another one under the key 409. While the first
// is under way the second waits. An answer that is not 2xx, like an error, takes
// everything back, so that the request may be tried again.
//
// run may be tried again, as in InTx. Two statements come on top of its own, and
// the transaction's begin and end.
func Idempotent[Q TenantQueries[Q], R any](ctx context.Context, q Q, once Once[R], run func(context.Context, Q) (R, error)) (R, error) {
	if once.Key == nil {
		return run(ctx, q)
	}
	var none R
	key, err := once.claim(ctx)
	if err != nil {
		return none, err
	}
	var answer Stored
	err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx Q) error {
		var err error
		if answer, err = key.take(ctx, tx.Querier()); err != nil {
			return err
		}
		if answer.replayed {
			return errTakeBack
		}
		own := http.Header{}
		response, err := run(withHeader(ctx, own), tx)
		if err != nil {
			return err
		}
		if answer, err = record(response, once.Visit, own); err != nil {
			return err
		}
		if answer.status < http.StatusOK || answer.status >= http.StatusMultipleChoices {
			return errTakeBack
		}
		return key.keep(ctx, tx.Querier(), answer)
	})
	if err != nil && !errors.Is(err, errTakeBack) {
		return none, err
	}
	return once.Stored(answer), nil
}

// errTakeBack rolls a transaction back which has an answer nevertheless.
var errTakeBack = errors.New("nothing to keep")

// claimed is a key with what it stands for.
type claimed struct {
	subject, operation, key string
	fingerprint             []byte
}

func (o *Once[R]) claim(ctx context.Context) (*claimed, error) {
	subject := Subject(ctx)
	if subject == "" {
		return nil, Errorf(http.StatusUnauthorized, "an Idempotency-Key belongs to its caller, and nobody is authenticated")
	}
	if !visible(*o.Key) {
		return nil, malformed(http.StatusBadRequest, FieldError{
			In: inHeader, Parameter: headerIdempotencyKey, Detail: "is not 1 to " + strconv.Itoa(maxIdempotencyKey) + " visible ASCII characters",
		})
	}
	request, err := json.Marshal(o.Request)
	if err != nil {
		return nil, fmt.Errorf("take the request's fingerprint: %w", err)
	}
	sum := sha256.Sum256(request)
	return &claimed{subject: subject, operation: o.Operation, key: *o.Key, fingerprint: sum[:]}, nil
}

func visible(key string) bool {
	for _, b := range []byte(key) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return key != "" && len(key) <= maxIdempotencyKey
}

// takeSQL waits for a request with the same key that is under way. What it finds
// is good for 24 hours, and is as good as absent after them.
const takeSQL = `INSERT INTO idempotency_keys AS k (subject, operation, key, fingerprint) VALUES ($1, $2, $3, $4)
ON CONFLICT (subject, operation, key) DO UPDATE SET
	fingerprint = CASE WHEN k.created_at > now() - interval '24 hours' THEN k.fingerprint ELSE excluded.fingerprint END,
	status = CASE WHEN k.created_at > now() - interval '24 hours' THEN k.status END,
	headers = CASE WHEN k.created_at > now() - interval '24 hours' THEN k.headers END,
	body = CASE WHEN k.created_at > now() - interval '24 hours' THEN k.body END,
	created_at = CASE WHEN k.created_at > now() - interval '24 hours' THEN k.created_at ELSE now() END
RETURNING k.fingerprint, k.status, k.headers, k.body`

// take claims the key, or gives the answer that is kept under it.
func (c *claimed) take(ctx context.Context, tx *tenant.Querier) (Stored, error) {
	var fingerprint, headers, body []byte
	var status *int32
	if err := tx.QueryRow(ctx, takeSQL, c.subject, c.operation, c.key, c.fingerprint).Scan(&fingerprint, &status, &headers, &body); err != nil {
		return Stored{}, fmt.Errorf("look up the Idempotency-Key: %w", err)
	}
	if !bytes.Equal(fingerprint, c.fingerprint) {
		return Stored{}, &StatusError{Problem: Problem{
			Type: ProblemBase + keyReused.name, Title: keyReused.title,
			Status: http.StatusConflict, Detail: "send the same request as before, or another key",
		}}
	}
	if status == nil {
		return Stored{}, nil
	}
	answer := Stored{status: int(*status), body: body, replayed: true}
	if err := json.Unmarshal(headers, &answer.header); err != nil {
		return Stored{}, fmt.Errorf("read the stored answer: %w", err)
	}
	return answer, nil
}

// keepSQL also drops a few keys that are too old, so that the table holds no more
// than a day's. It never waits for those that others hold.
const keepSQL = `WITH expired AS (
	DELETE FROM idempotency_keys WHERE (subject, operation, key) IN (
		SELECT o.subject, o.operation, o.key FROM idempotency_keys o
		WHERE o.created_at < now() - interval '24 hours' ORDER BY o.created_at LIMIT 10 FOR UPDATE SKIP LOCKED))
UPDATE idempotency_keys SET status = $4, headers = $5, body = $6 WHERE subject = $1 AND operation = $2 AND key = $3`

func (c *claimed) keep(ctx context.Context, tx *tenant.Querier, answer Stored) error {
	headers, err := json.Marshal(answer.header)
	if err != nil {
		return fmt.Errorf("keep the answer: %w", err)
	}
	tag, err := tx.Exec(ctx, keepSQL, c.subject, c.operation, c.key, int32(answer.status), headers, answer.body) //nolint:gosec // A status has three digits.
	if err != nil {
		return fmt.Errorf("keep the answer: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return errors.New("keep the answer: the Idempotency-Key was deleted meanwhile")
	}
	return nil
}

// Stored is an answer as it was written for an Idempotency-Key.
type Stored struct {
	status   int
	header   http.Header
	body     []byte
	replayed bool
}

// Send writes the answer again, byte for byte.
func (a Stored) Send(w http.ResponseWriter) error {
	maps.Copy(w.Header(), a.header)
	if a.replayed {
		w.Header().Set(headerReplayed, "true")
	}
	w.WriteHeader(a.status)
	if _, err := w.Write(a.body); err != nil {
		return fmt.Errorf("write the stored answer: %w", err)
	}
	return nil
}

// record has a response written where it can be kept.
func record[R any](response R, visit func(R, http.ResponseWriter) error, own http.Header) (Stored, error) {
	r := &recorder{Stored{header: http.Header{}}}
	if err := visit(response, r); err != nil {
		return Stored{}, err
	}
	r.WriteHeader(http.StatusOK)
	maps.Copy(r.header, own)
	return r.Stored, nil
}

type recorder struct{ Stored }

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements io.Writer.
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.body = append(r.body, p...)
	return len(p), nil
}
