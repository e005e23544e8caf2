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
