package tenant

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// reservedSlugs would be mistaken for the service itself, for the machines
// around it, or for something that mail and network clients look up by name.
// Names with an underscore, such as pg_catalog, are no DNS labels and need no entry.
var reservedSlugs = map[string]bool{
	"account": true, "accounts": true, "admin": true, "administrator": true, "api": true,
	"app": true, "assets": true, "auth": true, "autoconfig": true, "autodiscover": true,
	"bailiwick": true, "billing": true, "blog": true, "broadcasthost": true, "cdn": true,
	"console": true, "dashboard": true, "dns": true, "docs": true, "ftp": true,
	"healthz": true, "help": true, "host": true, "imap": true, "internal": true,
	"invalid": true, "isatap": true, "local": true, "localdomain": true, "localhost": true,
	"login": true, "logout": true, "mail": true, "metrics": true, "mx": true,
	"ns": true, "ns1": true, "ns2": true, "null": true, "oauth": true,
	"oidc": true, "operator": true, "pg": true, "pop": true, "postgres": true,
	"private": true, "public": true, "readyz": true, "root": true, "security": true,
	"signup": true, "smtp": true, "sso": true, "static": true, "status": true,
	"support": true, "system": true, "undefined": true, "webhook": true, "webhooks": true,
	"webmail": true, "wpad": true, "www": true,
}

// ParseSlug checks the human name of a tenant: a DNS label of a-z, 0-9 and
// inner hyphens, at most 40 bytes, in lower case already, not a number, not in a
// form that DNS keeps for encoded names, and none of the reserved names. It
// changes nothing, so that two spellings of one slug can't exist. It fails with CodeInvalid.
func ParseSlug(slug string) (string, error) {
	switch {
	case slug == "":
		return "", errorf(CodeInvalid, "", "slug is empty")
	case len(slug) > maxSlug:
		return "", errorf(CodeInvalid, "", "slug has %d bytes; at most %d are allowed", len(slug), maxSlug)
	case !isLabel(slug):
		return "", errorf(CodeInvalid, "", "slug %q: only a-z, 0-9 and inner hyphens are allowed", slug)
	case len(slug) >= 4 && slug[2:4] == "--":
		// xn-- encodes other alphabets, hence homoglyphs; the rest is reserved (RFC 5891, 4.2.3.1).
		return "", errorf(CodeInvalid, "", "slug %q: hyphens as third and fourth character are reserved", slug)
	case endsInNumber(slug):
		return "", errorf(CodeInvalid, "", "slug %q is a number, which some read as an IP address", slug)
	case reservedSlugs[slug]:
		return "", errorf(CodeInvalid, "", "slug %q is a reserved name", slug)
	}
	return slug, nil
}

// ParseNewSlug is ParseSlug for a slug that is yet to be given: it also refuses
// what looks like a reserved name, such as l0gin and rnail, the form of an ID, with
// or without its hyphens, and the one that the slugs of purged tenants have. Slugs
// that were given before live on. It fails with CodeInvalid.
func ParseNewSlug(slug string) (string, error) {
	if _, err := ParseSlug(slug); err != nil {
		return "", err
	}
	if hasIDForm(slug) {
		return "", errorf(CodeInvalid, "", "slug %q has the form of a tenant's id, and would be taken for one", slug)
	}
	if strings.HasPrefix(slug, purgedPrefix) {
		return "", errorf(CodeInvalid, "", "slug %q: %s begins the slugs of tenants that are gone", slug, purgedPrefix)
	}
	for _, reading := range []string{slug, strings.ReplaceAll(slug, "1", "i")} {
		if name, ok := reservedSkeletons[SlugSkeleton(reading)]; ok {
			return "", errorf(CodeInvalid, "", "slug %q looks like the reserved name %q", slug, name)
		}
	}
	return slug, nil
}

// hasIDForm tells whether a text could be meant as an ID, wherever its hyphens are.
func hasIDForm(text string) bool {
	digits, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	return err == nil && len(digits) == len(ID{})
}

// purgedPrefix begins the slug that a tenant has once it is purged.
const purgedPrefix = "purged-"

// PurgedSlug is the slug of a tenant that is purged, so that its own is free.
func PurgedSlug(id ID) string { return purgedPrefix + strings.TrimPrefix(id.SchemaName(), "t_") }

// SlugSkeleton is what slugs that look alike have in common: a zero is an o, a
// one is an l, rn is an m and vv a w. No two tenants are given slugs of one
// skeleton. An i stays what it is: mail and mall are different words, and people
// have both for a name. The same goes for hyphens.
func SlugSkeleton(slug string) string { return lookalikes.Replace(digits.Replace(slug)) }

var (
	digits     = strings.NewReplacer("0", "o", "1", "l")
	lookalikes = strings.NewReplacer("rn", "m", "vv", "w")
)

// reservedSkeletons are those of the reserved names.
var reservedSkeletons = func() map[string]string {
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(reservedSlugs)) {
		all[SlugSkeleton(name)] = name
	}
	return all
}()
