package tenant

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// fitsSize bounds how many schema versions are known at a time.
	fitsSize = 4096
	// maxMisfits bounds how many misfits are looked for: each ends a pipeline.
	maxMisfits = 8
	// maxMoves bounds how often a querier follows its tenant to another version.
	maxMoves = 3
)

// fitKey names what is asked once: a schema version, or the schema of a tenant
// that has none. Its zero tenant and version are public's.
type fitKey struct {
	node, version string
	tenant        ID
}

// fitOf finds what is known of a version. It is looked up once for a querier.
func (db *DB) fitOf(n *node, t Tenant) *fit {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.config.AnySchema || len(db.requiredOf(t)) == 0 {
		return alwaysFits
	}
	key := fitKey{node: n.name, version: t.Version}
	if t.Version == "" {
		key.tenant = t.ID
	}
	f, ok := db.fits.get(key)
	if !ok {
		f = &fit{own: map[ID]*verdict{}}
		db.fits.put(key, f)
	}
	return f
}

// requiredOf wants db.mu to be held.
func (db *DB) requiredOf(t Tenant) []Statement {
	if t.ID.IsZero() {
		return db.required.Public
	}
	return db.required.Tenant
}

// Fits tells how the required statements fit the schema versions that were met
// lately: none is missing from the list of a version that fits. The version of
// the schema public is "public".
func (db *DB) Fits() map[string][]Misfit {
	db.mu.Lock()
	defer db.mu.Unlock()
	all := map[string][]Misfit{}
	for key, f := range db.fits.all() {
		if v := f.lastVerdict(); v != nil {
			version := key.version
			if version == "" && key.tenant.IsZero() {
				version = publicVersion
			}
			if version != "" {
				all[version] = namesOf(v.misfits)
			}
		}
	}
	return all
}

// publicVersion stands for the schema public, which has no version.
const publicVersion = "public"

// gate is what each statement outside of a transaction passes first, and each
// transaction. It gives the place to work at, and an error when the schema there
// does not fit. Of a schema that fits it reads one flag.
func (q *Querier) gate(ctx context.Context, statements ...string) (*place, error) {
	p := q.at.Load()
	if p.fit.good.Load() {
		return p, nil
	}
	if q.tx != nil {
		return p, q.misfitError(p, p.fit.remembered(statements, p.public()))
	}
	var misfits []refusal
	for range maxMoves {
		var err error
		if misfits, err = q.verdict(ctx, p); err != nil {
			return nil, q.wrap(ctx, err)
		}
		if now := q.at.Load(); now != p {
			p = now // It was another version's schema that was asked.
			if p.fit.good.Load() {
				return p, nil
			}
			continue
		}
		if misfits = concerned(p, misfits, statements); len(misfits) == 0 || !q.renew(ctx, p) {
			break
		}
		p = q.at.Load()
	}
	return p, q.misfitError(p, misfits)
}

// concerned leaves the misfits that stand against the statements. A tenant whose
// schema has any is not served at all. The schema public is for everybody, and so
// only those statements of it fail that don't fit.
func concerned(p *place, misfits []refusal, statements []string) []refusal {
	if !p.public() {
		return misfits
	}
	var left []refusal
	for _, m := range misfits {
		for _, sql := range statements {
			if m.sql == sql {
				left = append(left, m)
			}
		}
	}
	return left
}

// remembered is for statements within a transaction, where nothing is asked.
func (f *fit) remembered(statements []string, public bool) []refusal {
	v := f.lastVerdict()
	if v == nil || !public {
		return nil // The transaction has passed the gate.
	}
	return concerned(&place{}, v.misfits, statements)
}

func (q *Querier) misfitError(p *place, misfits []refusal) error {
	if len(misfits) == 0 {
		return nil
	}
	more := ""
	if n := len(misfits) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	where := "the schema public"
	if !p.public() {
		where = fmt.Sprintf("schema version %q", p.binding.tenant.Version)
	}
	return errorf(CodeSchema, q.id(), "%s does not fit statement %s: %s%s", where, misfits[0].Statement, misfits[0].Reason, more)
}

// verdict returns what is known of the place's schema, or asks. An answer counts
// only if the tenant still has that version afterwards: a rollout changes both in
// one transaction.
func (q *Querier) verdict(ctx context.Context, p *place) ([]refusal, error) {
	id := p.binding.tenant.ID
	v, heard, err := p.fit.turn(ctx, id)
	if err != nil {
		return nil, err
	}
	if v != nil {
		return v.misfits, nil
	}
	defer heard()
	began := time.Now()
	misfits, err := q.db.examine(ctx, p)
	if (err == nil || notThere(err)) && q.renew(ctx, p) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p.fit.judge(id, &verdict{misfits: misfits, until: began.Add(misfitTTL)})
	return misfits, nil
}

// examine prepares all required statements as the place's tenant, in one
// pipeline, and compares. What it learns of statements that fit is kept, so that
// their first use is one round trip already.
func (db *DB) examine(ctx context.Context, p *place) ([]refusal, error) {
	db.mu.Lock()
	required := db.requiredOf(p.binding.tenant)
	db.mu.Unlock()
	s, err := p.node.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer s.release()
	types, err := loadTypes(ctx, s.pg, p.schema())
	if err != nil {
		return nil, err
	}
	var all []described
	for refused := 0; len(required) > 0 && refused < maxMisfits; refused++ {
		n, err := s.describeAll(ctx, &p.binding, required, &all)
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", required[min(n, len(required)-1)].Name, err)
		}
		required = required[n:]
	}
	misfits, err := types.misfits(ctx, s.pg, all)
	if err != nil || len(misfits) > 0 {
		return misfits, err
	}
	for _, d := range all {
		if guard(d.statement.SQL) == nil {
			db.shapes.put(shapeKey{p.binding.tenant.Version, d.statement.SQL}, shapeOf(d.sd, s.types, types.builtins(s, d.sd)))
		}
	}
	return nil, nil
}

// describeAll parses statements up to the first that the server refuses, and
// tells how many it has gone through, that one included.
func (s *session) describeAll(ctx context.Context, b *binding, statements []Statement, all *[]described) (int, error) {
	x := &pipeline{s: s, p: s.pg.StartPipeline(ctx), bound: true}
	s.sendBind(x.p, b)
	for i := range statements {
		x.p.SendPrepare("", b.text(statements[i].SQL), nil)
	}
	x.err = x.p.Sync()
	n := 0
	err := x.begin()
	for err == nil && n < len(statements) {
		var sd *pgconn.StatementDescription
		sd, err = x.description()
		reason := misfitReason(err)
		if err == nil || reason != "" {
			*all = append(*all, described{statement: &statements[n], sd: sd, refused: reason})
			n++
		}
	}
	if misfitReason(err) != "" && n > 0 {
		_ = x.finish() // It says the same again.
		return n, nil
	}
	return n, joinDistinct(err, x.finish())
}

// description reads what was asked of a statement.
func (x *pipeline) description() (*pgconn.StatementDescription, error) {
	result, err := x.p.GetResults()
	if err != nil {
		return nil, err
	}
	sd, ok := result.(*pgconn.StatementDescription)
	if !ok {
		return nil, fmt.Errorf("protocol: got %T in place of a description", result)
	}
	return sd, nil
}
