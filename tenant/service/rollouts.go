package service

import "context"

// watch looks whether a rollout changes schemas. Then nothing that was remembered
// of them counts: a statement of before may still run at the new version, and
// write what its column of another type makes of the value.
func (r *release) watch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	var last string
	var running bool
	err := r.db.Public().QueryRow(ctx, `SELECT coalesce(max(id), 0)::text, coalesce(bool_or(state = 'running'), false)
		FROM bailiwick.rollouts WHERE state IN ('running', 'paused', 'failed') OR id = (SELECT max(id) FROM bailiwick.rollouts)`).Scan(&last, &running)
	if err != nil {
		return // A ledger of before, or none: what is remembered expires.
	}
	if running || r.rolledOut != "" && last != r.rolledOut {
		r.forget()
	}
	r.rolledOut = last
	if running {
		r.rolledOut = last + " running" // And once more when it has ended.
	}
}
