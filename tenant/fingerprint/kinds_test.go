package fingerprint_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint/fingerprinttest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// errUndo ends a transaction that is to leave nothing.
var errUndo = errors.New("undo")

// TestKinds makes every kind of change. Each must be seen and named.
func TestKinds(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	pool := connect(t, urls.SuperURL)
	var version int
	if err := pool.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
		t.Fatal(err)
	}
	kinds := fingerprinttest.Kinds(version)
	if len(kinds) < 118 {
		t.Errorf("only %d kinds", len(kinds))
	}
	seen := map[string]bool{}
	name := tenant.NewID().SchemaName()
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		base, err := read(t.Context(), tx, name, "CREATE ROLE ROLE_OF_TENANT; CREATE SCHEMA CURRENT_SCHEMA; SET LOCAL search_path = CURRENT_SCHEMA, pg_temp;"+fingerprinttest.Base)
		if err != nil {
			return err
		}
		for _, k := range kinds {
			if seen[k.Name] {
				t.Errorf("two kinds are named %q", k.Name)
			}
			seen[k.Name] = true
			err := pgx.BeginFunc(t.Context(), tx, func(tx pgx.Tx) error {
				return errors.Join(tryKind(t, tx, name, base, k), errUndo)
			})
			if err.Error() != errUndo.Error() {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Error(err)
	}
}

// content is a schema at one time.
type content struct {
	state   fingerprint.State
	objects []fingerprint.Object
}

// read runs statements and reads the schema after them.
func read(ctx context.Context, tx pgx.Tx, name, sql string) (c content, err error) {
	if _, err := tx.Conn().PgConn().Exec(ctx, fingerprinttest.For(name, sql)).ReadAll(); err != nil {
		return c, err
	}
	if c.state, err = fingerprint.OfTx(ctx, tx, name); err != nil {
		return c, err
	}
	c.objects, err = fingerprint.Objects(ctx, tx, name)
	return c, err
}

func tryKind(t *testing.T, tx pgx.Tx, name string, from content, k fingerprinttest.Kind) (err error) {
	t.Helper()
	if k.Base != "" {
		if from, err = read(t.Context(), tx, name, k.Base); err != nil {
			return err
		}
	}
	to, err := read(t.Context(), tx, name, k.Change)
	if err != nil {
		return err
	}
	if seen := from.state.Fingerprint != to.state.Fingerprint; seen == k.OrderOnly {
		t.Errorf("%s: %+v, %+v\n%s", k.Name, from.state, to.state, cmp.Diff(from.objects, to.objects))
	}
	if k.OrderOnly {
		if from.state.Order == to.state.Order {
			t.Errorf("%s is not seen", k.Name)
		}
		return nil
	}
	var all strings.Builder
	for _, d := range fingerprint.Diff(from.objects, to.objects) {
		text := d.Explain()
		if string(d.Kind)+" "+d.Name == k.Object && strings.HasPrefix(text, k.Object) && strings.Contains(text, k.Words) {
			return nil
		}
		all.WriteString(text + "\n")
	}
	t.Errorf("%s is not explained by %q of %s:\n%s", k.Name, k.Words, k.Object, all.String())
	return nil
}
