package rest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const (
	headerETag        = "ETag"
	headerIfMatch     = "If-Match"
	headerIfNoneMatch = "If-None-Match"
)

// ETag is the strong entity tag of a body: a hash of its JSON.
func ETag(body any) (string, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("make the ETag: %w", err)
	}
	sum := sha256.Sum256(data)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`, nil
}

// SetETag sends the body's [ETag] with the response, so that a GET which asks
// If-None-Match is answered 304 when the client has the body already.
func SetETag(ctx context.Context, body any) error {
	tag, err := ETag(body)
	if err != nil {
		return err
	}
	Header(ctx).Set(headerETag, tag)
	return nil
}

// IfMatch is nil when the client's If-Match allows a change of what GET now
// answers with the body current: it is 412 when the header names other entity
// tags, and 400 when it can't be read. Without a header every change is allowed.
//
// Read current and make the change in one transaction, of [pgx.RepeatableRead]
// or with the row locked, or another change can come between the two.
func IfMatch(header string, current any) error {
	if header == "" {
		return nil
	}
	tag, err := ETag(current)
	if err != nil {
		return err
	}
	return ifMatch(header, tag)
}

func ifMatch(header, current string) error {
	tags, ok := parseTags(header)
	if !ok {
		return malformed(http.StatusBadRequest, FieldError{
			In: inHeader, Parameter: headerIfMatch, Detail: "is neither * nor a list of entity tags; send the ETag as it came, with its quotes",
		})
	}
	if tags.any {
		return nil
	}
	now, _ := parseTags(current)
	for _, tag := range tags.list {
		if !tag.weak && len(now.list) == 1 && !now.list[0].weak && tag.opaque == now.list[0].opaque {
			return nil
		}
	}
	return Errorf(http.StatusPreconditionFailed, "it has changed since; get it again and decide anew")
}

// unchanged tells whether the client has the answer of this ETag already. A
// header that can't be read asks for nothing.
func unchanged(ifNoneMatch, etag string) bool {
	now, ok := parseTags(etag)
	if !ok || len(now.list) != 1 {
		return false
	}
	tags, ok := parseTags(ifNoneMatch)
	if !ok {
		return false
	}
	for _, tag := range tags.list {
		if tag.opaque == now.list[0].opaque {
			return true
		}
	}
	return tags.any
}

// entityTags is the value of If-Match or If-None-Match.
type entityTags struct {
	any  bool // "*"
	list []entityTag
}

type entityTag struct {
	weak   bool
	opaque string // without its quotes
}

// gzipSuffix is what a compressing handler may put at the end of an entity tag.
const gzipSuffix = "-gzip"

// parseTags reads "*" or a list of entity tags (RFC 9110, 8.8.3 and 13.1), of
// which one may hold commas and elements may be empty. At least one is needed.
func parseTags(text string) (entityTags, bool) {
	rest := strings.Trim(text, " \t")
	if rest == "*" {
		return entityTags{any: true}, true
	}
	var tags entityTags
	for rest != "" {
		if rest[0] == ',' {
			rest = strings.TrimLeft(rest[1:], " \t")
			continue
		}
		tag, after, err := parseTag(rest)
		if err != nil {
			return entityTags{}, false
		}
		tags.list = append(tags.list, tag)
		rest = strings.TrimLeft(after, " \t")
		if rest != "" && rest[0] != ',' {
			return entityTags{}, false
		}
	}
	return tags, len(tags.list) > 0
}

var errTag = errors.New("not an entity tag")

func parseTag(text string) (tag entityTag, after string, err error) {
	text, tag.weak = strings.CutPrefix(text, "W/")
	text, ok := strings.CutPrefix(text, `"`)
	if !ok {
		return entityTag{}, "", errTag
	}
	opaque, after, ok := strings.Cut(text, `"`)
	if !ok || strings.ContainsFunc(opaque, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return entityTag{}, "", errTag
	}
	tag.opaque = strings.TrimSuffix(opaque, gzipSuffix)
	return tag, after, nil
}

// joinLists makes one line of the lists that may come in several, which
// generated decoders refuse.
func joinLists(header http.Header) {
	for _, name := range []string{headerIfMatch, headerIfNoneMatch, "Prefer"} {
		if lines := header.Values(name); len(lines) > 1 {
			header.Set(name, strings.Join(lines, ", "))
		}
	}
}

// knows is the If-None-Match of a request that 304 may answer.
func knows(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return ""
	}
	return strings.Join(r.Header.Values(headerIfNoneMatch), ", ")
}
