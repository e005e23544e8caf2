package tenant_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Two tenants have a table of the same name; what one writes, the other does not
// see. Services get their tenants from catalog.Resolver, and one connection string.
func Example() {
	if err := withTwoTenants(context.Background(), func(ctx context.Context, db *tenant.DB, acme, globex tenant.Tenant) error {
		for _, t := range []tenant.Tenant{acme, globex} {
			q, err := db.Bind(t)
			if err != nil {
				return err
			}
			defer q.Close() // when the request ends
			if t.Slug == "acme" {
				if _, err := q.Exec(ctx, "INSERT INTO scans (state) VALUES ('running')"); err != nil {
					return err
				}
			}
			var scans int
			if err := q.QueryRow(ctx, "SELECT count(*) FROM scans").Scan(&scans); err != nil {
				return err
			}
			fmt.Println(t.Slug, scans)
		}
		return nil
	}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// acme 1
	// globex 0
}

func ExampleQuerier_InTx() {
	ctx := context.Background()
	var q *tenant.Querier // of DB.Bind
	err := q.InTx(ctx, tenant.TxOptions{MaxAttempts: 3}, func(ctx context.Context, tx *tenant.Querier) error {
		if _, err := tx.Exec(ctx, "UPDATE scans SET state = 'running' WHERE id = $1", 7); err != nil {
			return err // it rolls back
		}
		_, err := tx.Exec(ctx, "INSERT INTO events (scan_id, kind) VALUES ($1, 'started')", 7)
		return err
	})
	// Nobody bound this querier to a tenant, so nothing ran.
	fmt.Println(tenant.CodeOf(err))
	// Output: no_tenant
}

func ExampleCodeOf() {
	fmt.Println(tenant.CodeOf(fmt.Errorf("get the scan: %w", pgx.ErrNoRows)))
	fmt.Println(tenant.CodeOf(context.DeadlineExceeded))
	fmt.Println(tenant.CodeOf(errors.New("anything else")))
	// Output:
	// not_found
	// timeout
	// internal
}

func ExampleParseSlug() {
	fmt.Println(tenant.ParseSlug("acme"))
	_, err := tenant.ParseSlug("no_underscores")
	fmt.Println(err != nil)
	// Output:
	// acme <nil>
	// true
}

func ExampleID_SchemaName() {
	id, err := tenant.ParseID("0198c0de-0000-7000-8000-000000000001")
	fmt.Println(id.SchemaName(), err)
	// Output: t_0198c0de000070008000000000000001 <nil>
}

func ExampleQuoteIdent() {
	fmt.Println(tenant.QuoteIdent(`odd "name"`))
	// Output: "odd ""name"""
}
