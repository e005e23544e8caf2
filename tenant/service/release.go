package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

const (
	// releaseLook is how often it is looked whether a schema has turned out not to
	// fit: a rollout that goes on meanwhile should know.
	releaseLook = time.Second
	// releaseTimeout bounds one word with the ledger.
	releaseTimeout = 5 * time.Second
	// revisionLength is that of a commit's short form.
	revisionLength = 12
)

// release tells bailiwick.releases that servers of one build are running, what
// their statements are, and which schemas these don't fit. Servers of one build
// share a row and push its end on.
type release struct {
	db       *tenant.DB
	logger   *slog.Logger
	settings *settings

	id, name, version, statements string

	told    map[string]string // The misfits that are in the ledger.
	learned map[string]bool   // The learned statements that are in the ledger.
	// forget drops which versions tenants' schemas were found to have; rolledOut
	// is what was last seen of rollouts.
	forget    func()
	rolledOut string
	failing   bool // The ledger did not answer last time.
}

// openRelease registers the release and keeps it live until the service is closed.
// forget is called when schemas have changed.
// That the ledger can't be reached stops nothing.
func (s *Service) openRelease(ctx context.Context, forget func()) error {
	statements, err := json.Marshal(s.backend.DB.Statements())
	if err != nil {
		return fmt.Errorf("register the release: %w", err)
	}
	r := &release{
		db: s.backend.DB, logger: s.cfg.Logger, settings: s.settings,
		name: s.cfg.name(), version: s.settings.release(), statements: string(statements), told: map[string]string{}, learned: map[string]bool{}, forget: forget,
	}
	sum := sha256.Sum256([]byte(r.name + "\x00" + r.version + "\x00" + r.statements))
	r.id = hex.EncodeToString(sum[:16])
	r.beat(ctx)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.run(ctx)
	}()
	s.closers = append(s.closers, func() error {
		cancel()
		<-done
		r.leave(context.WithoutCancel(ctx))
		return nil
	})
	return nil
}

// release is what RELEASE says, or else what the build knows of itself.
func (s *settings) release() string {
	if s.Release != "" {
		return s.Release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "", ""
	for _, b := range info.Settings {
		switch {
		case b.Key == "vcs.revision":
			revision = b.Value[:min(len(b.Value), revisionLength)]
		case b.Key == "vcs.modified" && b.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision != "" && (info.Main.Version == "" || info.Main.Version == "(devel)") {
		return revision + dirty
	}
	if info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}

func (r *release) run(ctx context.Context) {
	ticker := time.NewTicker(min(releaseLook, r.settings.ReleaseHeartbeat))
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.watch(ctx)
			if now.Sub(last) >= r.settings.ReleaseHeartbeat || !maps.Equal(r.told, r.misfits()) {
				r.beat(ctx)
				last = now
			}
		}
	}
}

// misfits are the schema versions that the statements don't fit, and why.
func (r *release) misfits() map[string]string {
	all := map[string]string{}
	for version, misfits := range r.db.Fits() {
		if len(misfits) > 0 {
			all[version] = misfits[0].Statement + ": " + misfits[0].Reason
		}
	}
	return all
}

// beat pushes the release's end on, and tells what has become of the schemas.
func (r *release) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	misfits := r.misfits()
	err := r.tell(ctx, misfits)
	switch {
	case err == nil:
		if r.failing {
			r.logger.InfoContext(ctx, "the release is registered again", "release", r.id)
		}
		r.told, r.failing = misfits, false
		r.tellLearned(ctx)
	case errors.Is(ctx.Err(), context.Canceled) || r.failing:
	default:
		r.failing = true
		r.logger.WarnContext(ctx, "the release is not registered, so that a rollout can't see what it needs"+mendLedger(err), "error", err.Error())
	}
}

// mendLedger says what to do about a ledger that is missing or closed.
func mendLedger(err error) string {
	switch tenant.CodeOf(err) {
	case tenant.CodeSchema, tenant.CodeForbidden:
		return "; the database has no ledger for this role yet: start once with DATABASE_OWNER_URL, or run `bailiwick schema apply`; both make it"
	default:
		return ""
	}
}

// tell writes the release's row. What other servers of the release know of
// versions that this one has not met stays.
func (r *release) tell(ctx context.Context, misfits map[string]string) error {
	text, err := json.Marshal(misfits)
	if err != nil {
		return err
	}
	met := slices.AppendSeq([]string{}, maps.Keys(r.db.Fits())) // Nil would be NULL.
	live := r.settings.ReleaseExpiry.Seconds()
	public := r.db.Public()
	tag, err := public.Exec(ctx, `UPDATE bailiwick.releases
		SET expires_at = now() + make_interval(secs => $2), misfits = (misfits - $3::text[]) || $4::jsonb WHERE id = $1`,
		r.id, live, met, string(text))
	if err != nil || tag.RowsAffected() > 0 {
		return err
	}
	clear(r.learned)
	_, err = public.Exec(ctx, `INSERT INTO bailiwick.releases (id, name, version, statements, misfits, expires_at)
		VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, now() + make_interval(secs => $6))
		ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at`,
		r.id, r.name, r.version, r.statements, string(text), live)
	return err
}

// leave lets the release end soon, unless another server of it pushes that on. A
// server on a developer's machine has no others.
func (r *release) leave(ctx context.Context) {
	if r.failing {
		return
	}
	left := r.settings.ReleaseHeartbeat.Seconds() * 3 / 2 //nolint:mnd // As long as another server may be silent, and half of that.
	if r.settings.embedded() {
		left = 0
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	_, err := r.db.Public().Exec(ctx, `UPDATE bailiwick.releases
		SET expires_at = least(expires_at, now() + make_interval(secs => $2)) WHERE id = $1`, r.id, left)
	if err != nil {
		r.logger.WarnContext(ctx, "the release stays registered until it expires", "error", err.Error())
	}
}
