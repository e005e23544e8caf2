package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// The stable names of what is wrong with a schema file, as `bailiwick check` has them.
const (
	rulePublicSchema = "public-schema"
	ruleTenantSchema = "tenant-schema"
)

// desired is the desired state, made in a scratch database.
type desired struct {
	*database

	public, tenant World
	targets        map[Scope]Target
}

func (d *desired) world(scope Scope) World {
	if scope == Public {
		return d.public
	}
	return d.tenant
}

// Desired realises the desired state in a scratch database. It reads nothing of
// the fleet but the server's version. An error with the files is a diag.List.
func Desired(ctx context.Context, in Input) (targets map[Scope]Target, err error) {
	s, err := openScratch(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.done(ctx, in)) }()
	d, err := s.realise(ctx, in)
	if err != nil {
		return nil, err
	}
	return d.targets, nil
}

// realise makes the desired state as the catalog does in production.
func (s *scratch) realise(ctx context.Context, in Input) (*desired, error) {
	db, err := s.newDatabase(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := db.connect(ctx)
	if err != nil {
		return nil, err
	}
	d := &desired{database: db, targets: map[Scope]Target{}}
	d.public = World{Conn: conn, Names: db.names(publicSchema)}
	if err := d.public.files(ctx, in.Public, rulePublicSchema, catalog.PublicGrants(s.runtime)); err != nil {
		return nil, err
	}
	if d.tenant, err = db.newTenant(ctx, conn); err != nil {
		return nil, err
	}
	grants := append(catalog.TenantGrants(d.tenant.Schema), catalog.TenantComment(d.tenant.Schema))
	if err := d.tenant.files(ctx, in.Tenant, ruleTenantSchema, grants); err != nil {
		return nil, err
	}
	states, err := fingerprint.States(ctx, conn, []string{publicSchema, d.tenant.Schema})
	if err != nil {
		return nil, err
	}
	for scope, of := range map[Scope]struct {
		World

		files []lint.File
	}{Public: {d.public, in.Public}, Tenant: {d.tenant, in.Tenant}} {
		t := Target{Scope: scope, DDL: text(of.files), Fingerprint: states[of.Schema].Fingerprint, Order: states[of.Schema].Order}
		t.Version = catalog.Version(t.DDL)
		if t.Objects, err = fingerprint.Objects(ctx, conn, of.Schema); err != nil {
			return nil, err
		}
		d.targets[scope] = t
	}
	return d, nil
}

func text(files []lint.File) string {
	var b strings.Builder
	for _, f := range files {
		b.WriteString(f.Text)
	}
	return b.String()
}

// files runs schema files in one transaction, statement by statement, so that an
// error has a line even where PostgreSQL gives no position.
func (w World) files(ctx context.Context, files []lint.File, rule string, grants []string) error {
	return pgx.BeginFunc(ctx, w.Conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL "+w.path()); err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		for _, f := range files {
			if err := runFile(ctx, tx, f, rule); err != nil {
				return err
			}
		}
		if err := execAll(ctx, tx.Conn(), grants...); err != nil {
			return fmt.Errorf("plan: grant what the catalog grants: %w", err)
		}
		return nil
	})
}

func runFile(ctx context.Context, tx pgx.Tx, f lint.File, rule string) error {
	pieces := lint.Split(f)
	if i := slices.IndexFunc(pieces, func(p lint.Piece) bool { return p.Err != nil }); i >= 0 {
		return diag.List{*pieces[i].Err}
	}
	// None is run while there is one that would be felt outside.
	for _, p := range pieces {
		if what := reaches(p.Tree.GetStmt()); what != "" {
			line, column := place(f.Text, p.Start, 0)
			return diag.List{{
				File: f.Name, Line: line, Column: column, Rule: rule,
				Message: what + " in a schema file is no part of a desired state", Mend: "remove it: roles, databases, rows and the like are not the schema's",
			}}
		}
	}
	for _, p := range pieces {
		if p.Tree == nil {
			continue
		}
		err := execAll(ctx, tx.Conn(), f.Text[p.Start:p.End])
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
			line, column := place(f.Text, p.Start, int(pg.Position))
			return diag.List{{
				File: f.Name, Line: line, Column: column, Rule: rule,
				Message: "PostgreSQL refuses the schema: " + describe(pg), Mend: "correct the statement",
			}}
		}
		if err != nil {
			return fmt.Errorf("plan: run %s: %w", f.Name, err)
		}
		if tx.Conn().PgConn().TxStatus() != inTransaction {
			line, column := place(f.Text, p.Start, 0)
			return diag.List{{
				File: f.Name, Line: line, Column: column, Rule: rule,
				Message: "the statement ends the transaction that makes the schema", Mend: "remove BEGIN and COMMIT from the file",
			}}
		}
	}
	return nil
}

// inTransaction is the protocol's sign of a transaction that goes on.
const inTransaction = 'T'

// place converts PostgreSQL's position in a statement, in characters from 1, into
// a line and a column of the file. start is the statement's, in bytes.
func place(text string, start, position int) (line, column int) {
	for ; position > 1 && start < len(text); position-- {
		_, size := utf8.DecodeRuneInString(text[start:])
		start += size
	}
	before := text[:start]
	last := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[last:]) + 1
}
