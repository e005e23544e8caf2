package tenant_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

func TestParseNewSlug(t *testing.T) {
	t.Parallel()
	for _, slug := range []string{"acme", "mall", "ali", "all", "tenant-1", "tenant-10", "e1", "purged", "apl"} {
		if got, err := tenant.ParseNewSlug(slug); err != nil || got != slug {
			t.Errorf("ParseNewSlug(%q) = %q, %v", slug, got, err)
		}
	}
	for _, slug := range []string{
		"", "Acme", "admin", "l0gin", "log1n", "adm1n", "rnail", "rna1l", "vvvvw", "vvww", "supp0rt", "bil1ing", "bi1ling",
		"purged-x", tenant.PurgedSlug(tenant.NewID()),
	} {
		if got, err := tenant.ParseNewSlug(slug); tenant.CodeOf(err) != tenant.CodeInvalid || got != "" {
			t.Errorf("ParseNewSlug(%q) = %q, %v; want %s", slug, got, err, tenant.CodeInvalid)
		}
	}
}

func TestSlugSkeleton(t *testing.T) {
	t.Parallel()
	for _, twins := range [][2]string{{"acme", "acrne"}, {"globex", "g1obex"}, {"foo", "f00"}, {"window", "vvindovv"}, {"modern", "rnodem"}} {
		if a, b := tenant.SlugSkeleton(twins[0]), tenant.SlugSkeleton(twins[1]); a != b {
			t.Errorf("%q is %q and %q is %q", twins[0], a, twins[1], b)
		}
	}
	for _, others := range [][2]string{{"mail", "mall"}, {"a-b", "ab"}, {"tenant-1", "tenant-2"}, {"clip", "dip"}} {
		if a := tenant.SlugSkeleton(others[0]); a == tenant.SlugSkeleton(others[1]) {
			t.Errorf("%q and %q are both %q", others[0], others[1], a)
		}
	}
}

func TestPurgedSlug(t *testing.T) {
	t.Parallel()
	if got, err := tenant.ParseSlug(tenant.PurgedSlug(tenant.NewID())); err != nil {
		t.Errorf("%q is no slug: %v", got, err)
	}
}

// FuzzSlug holds what is true of all slugs: they are DNS labels in their one form,
// stay what they are below a base domain, and look like themselves.
func FuzzSlug(f *testing.F) {
	for _, seed := range []string{"acme", "a-b", "xn--a", "l0gin", "rnail", "0x1", "1", "purged-1", "a;b", "a\x00", strings.Repeat("vv", 20), "\u212aite"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		slug, err := tenant.ParseSlug(s)
		if err != nil {
			if _, err := tenant.ParseNewSlug(s); err == nil {
				t.Errorf("%q is no slug, and a new one", s)
			}
			return
		}
		if slug != s || len(s) > 40 || strings.ToLower(s) != s || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%q is a slug", s)
		}
		if again, err := tenant.SubdomainSlug(s+".app.example", "app.example"); err != nil || again != s {
			t.Errorf("below a domain %q is %q, %v", s, again, err)
		}
		skeleton := tenant.SlugSkeleton(s)
		if again := tenant.SlugSkeleton(skeleton); again != skeleton {
			t.Errorf("the skeleton of %q is %q, and that one's %q", s, skeleton, again)
		}
	})
}
