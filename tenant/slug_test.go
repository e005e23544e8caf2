package tenant_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

func TestParseNewSlug(t *testing.T) {
	t.Parallel()
	for _, slug := range []string{
		"acme", "mall", "ali", "all", "tenant-1", "tenant-10", "e1", "purged", "apl", "cafe", "abcdefabcdefabcdefabcdefabcdefa", "abcdefabcdefabcdefabcdefabcdefag",
	} {
		if got, err := tenant.ParseNewSlug(slug); err != nil || got != slug {
			t.Errorf("ParseNewSlug(%q) = %q, %v", slug, got, err)
		}
	}
	for _, slug := range []string{
		"", "Acme", "admin", "l0gin", "log1n", "adm1n", "rnail", "rna1l", "vvvvw", "vvww", "supp0rt", "bil1ing", "bi1ling",
		"purged-x", tenant.PurgedSlug(tenant.NewID()),
		"0190b2c4-7d3e-7f00-8a11-3b5c9d7e1f20", tenant.NewID().String(), strings.ReplaceAll(tenant.NewID().String(), "-", ""),
		"abcdefab-cdef-abcd-efab-cdefabcdefab", "abcdefabcdefabcdefabcdefabcdefab", "a-b-c-d-efabcdefabcdefabcdefabcdefab",
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
// stay what they are below a base domain, and neither look like a reserved name nor
// like one another unless they share a skeleton.
func FuzzSlug(f *testing.F) {
	for _, seed := range []string{"acme", "a-b", "xn--a", "l0gin", "rnail", "0x1", "1", "purged-1", "a;b", "a\x00", strings.Repeat("vv", 20), "\u212aite",
		"0190b2c4-7d3e-7f00-8a11-3b5c9d7e1f20", "abcdefabcdefabcdefabcdefabcdefab",
	} {
		f.Add(seed, uint64(0))
	}
	f.Fuzz(func(t *testing.T, s string, bits uint64) {
		slug, err := tenant.ParseSlug(s)
		_, newErr := tenant.ParseNewSlug(s)
		formed := slugForm.MatchString(s) && !number.MatchString(s) && (len(s) < 4 || s[2:4] != "--")
		switch {
		case err == nil && (slug != s || !formed):
			t.Fatalf("%q is a slug", s)
		case err != nil && (slug != "" || tenant.CodeOf(err) != tenant.CodeInvalid || newErr == nil || formed && !strings.Contains(err.Error(), "reserved name")):
			t.Fatalf("%q is refused: %q, %v, %v", s, slug, err, newErr)
		case err != nil:
			return
		case newErr == nil && idForm.MatchString(strings.ReplaceAll(s, "-", "")):
			t.Fatalf("%q is free, and has the form of an id", s)
		}
		if other := respelt(s, bits); other != s {
			if _, err := tenant.ParseSlug(other); err == nil {
				t.Fatalf("%q and %q are two slugs", s, other)
			}
		}
		for _, host := range []string{s + ".app.example", respelt(s, bits) + ".APP.example.:443"} {
			if again, err := slugAt(host); err != nil || again != s {
				t.Fatalf("at %s %q is %q, %v", host, s, again, err)
			}
		}
		alike(t, s, bits, newErr == nil)
	})
}

// alike: what looks like a slug has its skeleton, and what is free to be given does
// not look like a reserved name.
func alike(t *testing.T, slug string, bits uint64, free bool) {
	t.Helper()
	twin := []byte(slug)
	for i, c := range twin {
		if other := strings.IndexByte("0o1l", c); other >= 0 && bits>>(i%64)&1 == 1 {
			twin[i] = "o0l1"[other]
		}
	}
	skeleton := tenant.SlugSkeleton(slug)
	for _, same := range []string{string(twin), skeleton} {
		if got := tenant.SlugSkeleton(same); got != skeleton {
			t.Fatalf("the skeleton of %q is %q, and that of %q is %q", slug, skeleton, same, got)
		}
		if _, err := tenant.ParseSlug(same); free && err != nil && strings.Contains(err.Error(), "reserved name") {
			t.Fatalf("%q is free, and %q is not: %v", slug, same, err)
		}
	}
}
