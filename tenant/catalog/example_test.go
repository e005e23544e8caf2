package catalog_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// A tenant is made in one transaction, with its first rows.
func ExampleCatalog_Create() { //nolint:testableexamples // It needs a server; the example of package tenant runs.
	ctx := context.Background()
	c, err := catalog.Open(ctx, catalog.Config{
		URL:         "postgres://app_owner@db.example/app",
		RuntimeRole: "app",
		Schema:      catalog.Schema{Public: "CREATE TABLE public.tenants (...)", Tenant: "CREATE TABLE scans (...)"},
	})
	if err != nil {
		log.Print(err)
		return
	}
	defer c.Close()
	if err := c.Install(ctx); err != nil { // once, and again when the seed has changed
		log.Print(err)
		return
	}
	acme, err := c.Create(ctx, catalog.CreateParams{
		Slug: "acme", Name: "Acme Corporation", Plan: "team",
		Seed: func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO users (email) VALUES ('ann@acme.example')")
			return err
		},
	})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(acme.Schema())
}

// Comments and white space make no new version of a schema.
func ExampleVersion() {
	one := catalog.Version("CREATE TABLE scans (id bigint);")
	two := catalog.Version("-- what was scanned\nCREATE TABLE scans\n\t(id bigint);")
	fmt.Println(one == two, one == catalog.Version("CREATE TABLE scans (id int);"))
	// Output: true false
}

func ExampleTenantGrants() {
	fmt.Println(catalog.TenantGrants("t_1")[0])
	// Output: GRANT USAGE ON SCHEMA "t_1" TO "t_1"
}
