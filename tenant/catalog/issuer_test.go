package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func TestIssuers(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	ctx := catalog.WithActor(t.Context(), "user:ann@ops.example")
	acme, globex := catalog.Ref{Slug: "acme"}, catalog.Ref{Slug: "globex"}
	own := catalog.Issuer{Issuer: "https://id.acme.example", Audience: "api"}
	added, err := db.Catalog.AddIssuer(ctx, acme, own)
	if err != nil {
		t.Fatal(err)
	}
	want := catalog.Issuer{TenantID: db.Tenants[0].ID, Issuer: own.Issuer, Audience: "api"}
	if diff := cmp.Diff(want, added, cmpopts.IgnoreFields(catalog.Issuer{}, "CreatedAt")); diff != "" || added.CreatedAt.IsZero() {
		t.Error(diff)
	}
	if again, err := db.Catalog.AddIssuer(ctx, acme, own); err != nil || again != added {
		t.Errorf("added again: %+v, %v", again, err)
	}
	_, err = db.Catalog.AddIssuer(ctx, globex, own)
	wantCode(t, err, tenant.CodeConflict, "speaks for another tenant")
	moved := own
	moved.JWKSURL = "https://id.acme.example/keys"
	_, err = db.Catalog.AddIssuer(ctx, acme, moved)
	wantCode(t, err, tenant.CodeConflict, "remove it first")
	_, err = db.Catalog.AddIssuer(ctx, catalog.Ref{Slug: "acme", Revision: 7}, catalog.Issuer{Issuer: own.Issuer, Audience: "other"})
	wantCode(t, err, tenant.CodeConflict, "")
	_, err = db.Catalog.AddIssuer(ctx, catalog.Ref{Slug: "nobody"}, own)
	wantCode(t, err, tenant.CodeNotFound, "")
	for _, bad := range []catalog.Issuer{
		{}, {Issuer: "https://id.acme.example"}, {Issuer: "http://id.acme.example", Audience: "api"},
		{Issuer: own.Issuer, Audience: "api", JWKSURL: "http://id.acme.example/keys"},
	} {
		_, err := db.Catalog.AddIssuer(ctx, acme, bad)
		wantCode(t, err, tenant.CodeInvalid, "")
	}
	all, err := db.Catalog.Issuers(ctx, acme)
	if diff := cmp.Diff([]catalog.Issuer{added}, all); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	wantCode(t, db.Catalog.RemoveIssuer(ctx, globex, own.Issuer, own.Audience), tenant.CodeNotFound, "has no issuer")
	if err := db.Catalog.RemoveIssuer(ctx, acme, own.Issuer, own.Audience); err != nil {
		t.Error(err)
	}
	entries, err := db.Catalog.Audit(ctx, catalog.AuditFilter{Tenant: acme})
	var actions []string
	for _, e := range entries {
		if strings.HasSuffix(e.Action, "-issuer") {
			actions = append(actions, e.Action+" "+e.Actor)
		}
	}
	if diff := cmp.Diff([]string{"remove-issuer user:ann@ops.example", "add-issuer user:ann@ops.example"}, actions); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := db.Catalog.Offboard(ctx, acme, catalog.OffboardParams{}); err != nil {
		t.Fatal(err)
	}
	_, err = db.Catalog.AddIssuer(ctx, acme, own)
	wantCode(t, err, tenant.CodeConflict, "tenant acme is offboarding")
}

// The resolver remembers all issuers, so that nobody makes it ask by inventing
// some, until it hears of a change.
func TestResolverFindsIssuers(t *testing.T) {
	t.Parallel()
	var queries counter
	db := tenanttest.New(t, tenanttest.Options{Config: tenant.Config{Tracer: &queries}})
	r := catalog.NewResolver(db.DB, time.Hour)
	_, err := r.Issuer(t.Context(), "https://id.acme.example", "api")
	wantCode(t, err, tenant.CodeNotFound, "no tenant has this issuer")
	if _, err := db.Catalog.AddIssuer(t.Context(), catalog.Ref{Slug: "acme"}, catalog.Issuer{Issuer: "https://id.acme.example", Audience: "api"}); err != nil {
		t.Fatal(err)
	}
	r.ForgetTenant(db.Tenants[0].ID) // As it does when it hears of it.
	got, err := r.Issuer(t.Context(), "https://id.acme.example", "api")
	if want := (identity.Issuer{Tenant: db.Tenants[0].ID}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, other := range [][2]string{{"https://id.acme.example", "other"}, {"https://evil.example", "api"}, {"", ""}} {
		_, err := r.Issuer(t.Context(), other[0], other[1])
		wantCode(t, err, tenant.CodeNotFound, "no tenant has this issuer")
	}
	if queries.n != 2 {
		t.Errorf("%d queries", queries.n)
	}
}
