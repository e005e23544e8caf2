package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// maxTold bounds the learned statements of a release, over all of its servers.
const maxTold = 500

// tellLearned adds to the ledger what handlers have run beyond the release's
// statements. What fails is tried again with the next heartbeat: a ledger that was
// made before it had a place for them gets one by the next rollout.
func (r *release) tellLearned(ctx context.Context) {
	fresh := map[string]tenant.Statement{}
	all := r.db.Learned()
	for scope, list := range map[string][]tenant.Statement{"tenant ": all.Tenant, "public ": all.Public} {
		for _, s := range list {
			sum := sha256.Sum256([]byte(s.SQL))
			if key := scope + hex.EncodeToString(sum[:8]); !r.learned[key] && len(r.learned)+len(fresh) < maxTold {
				fresh[key] = s
			}
		}
	}
	if len(fresh) == 0 {
		return
	}
	text, err := json.Marshal(fresh)
	if err != nil {
		return
	}
	_, err = r.db.Public().Exec(ctx, `UPDATE bailiwick.releases SET learned = learned || $2::jsonb
		WHERE id = $1 AND (SELECT count(*) FROM jsonb_object_keys(learned)) < $3::bigint`, r.id, string(text), maxTold)
	if err == nil {
		for key := range fresh {
			r.learned[key] = true
		}
	}
}

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
