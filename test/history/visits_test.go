package history_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// role and its like are what the test reads of answers.
type role struct {
	ID          int64   `json:"id"`
	Description *string `json:"description"`
}

type user struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	TimeZone string `json:"time_zone"`
}

type provider struct {
	Kind string `json:"kind"`
	UID  string `json:"uid"`
}

type page[T any] struct {
	Items []T `json:"items"`
	Total int `json:"total"`
}

// get reads something.
func get[T any](ctx context.Context, l *load, a *account, path string) (v T, header http.Header, err error) {
	got, err := l.ask(ctx, a, http.MethodGet, path, "", http.Header{"Prefer": {"count=exact"}})
	if err != nil {
		return v, nil, err
	}
	if err := got.want(http.StatusOK, "GET "+path); err != nil {
		return v, nil, err
	}
	v, err = decode[T](got.body)
	return v, got.header, err
}

func (a *account) checkRole(r role, what string) error {
	if r.Description == nil || *r.Description != a.purpose {
		said := "nothing"
		if r.Description != nil {
			said = *r.Description
		}
		return fmt.Errorf("%s: the role says %s, want %s", what, said, a.purpose)
	}
	return nil
}

func (l *load) readRole(ctx context.Context, a *account) error {
	path := fmt.Sprintf("/v1/roles/%d", a.role)
	r, _, err := get[role](ctx, l, a, path)
	if err != nil {
		return err
	}
	return a.checkRole(r, "GET "+path)
}

// changeRole counts on, under the condition that nobody else has: that takes a
// transaction of several statements.
func (l *load) changeRole(ctx context.Context, a *account) error {
	path := fmt.Sprintf("/v1/roles/%d", a.role)
	r, header, err := get[role](ctx, l, a, path)
	if err != nil {
		return err
	}
	if err := a.checkRole(r, "GET "+path); err != nil {
		return err
	}
	next := fmt.Sprintf("%s %d", a.Schema(), a.changes+1)
	got, err := l.ask(ctx, a, http.MethodPatch, path, fmt.Sprintf(`{"description": %q}`, next), http.Header{"If-Match": {header.Get("ETag")}})
	if err != nil {
		return err
	}
	if got.status == http.StatusPreconditionFailed {
		// A backfill has been here: it moves updated_at on.
		l.mu.Lock()
		l.seen.changed++
		l.mu.Unlock()
		return nil
	}
	if err := got.want(http.StatusOK, "PATCH "+path); err != nil {
		return err
	}
	a.purpose, a.changes = next, a.changes+1
	if r, err = decode[role](got.body); err != nil {
		return err
	}
	return a.checkRole(r, "PATCH "+path)
}

// again is when something that was refused is tried once more.
const again = 50 * time.Millisecond

// create posts something, again with the same key while it is refused: it must
// be there once in the end.
func (l *load) create(ctx context.Context, a *account, path, body string) error {
	key := http.Header{"Idempotency-Key": {fmt.Sprintf("%x", body)}}
	got, err := l.ask(ctx, a, http.MethodPost, path, body, key)
	for errors.Is(err, errRefused) && ctx.Err() == nil {
		time.Sleep(again)
		got, err = l.ask(ctx, a, http.MethodPost, path, body, key)
	}
	if err != nil {
		return err
	}
	return got.want(http.StatusCreated, "POST "+path)
}

func (l *load) addRole(ctx context.Context, a *account) error {
	if a.roles >= seeded+maxRoles {
		return l.listRoles(ctx, a)
	}
	body := fmt.Sprintf(`{"name": "role %d of %s", "description": "one more", "permissions": ["view_findings"]}`, a.roles, a.Slug)
	if err := l.create(ctx, a, "/v1/roles", body); err != nil {
		return err
	}
	a.roles++
	return nil
}

// maxRoles and maxProviders bound how much a tenant grows.
const (
	maxRoles     = 20
	maxProviders = 20
)

func (l *load) listRoles(ctx context.Context, a *account) error {
	p, _, err := get[page[role]](ctx, l, a, "/v1/roles")
	if err != nil {
		return err
	}
	if len(p.Items) != a.roles {
		return fmt.Errorf("%d roles, want %d", len(p.Items), a.roles)
	}
	return nil
}

// domain is that of the addresses of a tenant's users.
func (a *account) domain() string { return strings.ReplaceAll(a.Schema(), "_", "-") + ".example" }

func (l *load) listUsers(ctx context.Context, a *account) error {
	p, _, err := get[page[user]](ctx, l, a, "/v1/users?limit=5")
	if err != nil {
		return err
	}
	if p.Total != a.users || len(p.Items) != min(5, a.users) {
		return fmt.Errorf("%d of %d users, want %d", len(p.Items), p.Total, a.users)
	}
	for _, u := range p.Items {
		if !strings.HasSuffix(u.Email, "@"+a.domain()) {
			return fmt.Errorf("a user of another tenant: %s", u.Email)
		}
	}
	return nil
}

var zones = []string{"UTC", "Europe/Amsterdam", "Asia/Tokyo", "America/Lima"}

func (l *load) changeUser(ctx context.Context, a *account) error {
	path := "/v1/users/" + a.user
	u, _, err := get[user](ctx, l, a, path)
	if err != nil {
		return err
	}
	if u.TimeZone != a.zone {
		return fmt.Errorf("the user's time zone is %s, want %s", u.TimeZone, a.zone)
	}
	a.changes++
	next := zones[a.changes%len(zones)]
	a.changes-- // Only a role's change counts.
	if next == a.zone {
		next = zones[0]
	}
	got, err := l.ask(ctx, a, http.MethodPatch, path, fmt.Sprintf(`{"time_zone": %q}`, next), nil)
	if err != nil {
		return err
	}
	if err := got.want(http.StatusOK, "PATCH "+path); err != nil {
		return err
	}
	a.zone = next
	if u, err = decode[user](got.body); err == nil && u.TimeZone != next {
		err = fmt.Errorf("the user's new time zone is %s, want %s", u.TimeZone, next)
	}
	return err
}

func (l *load) addProvider(ctx context.Context, a *account) error {
	kinds := *l.kinds.Load()
	kind := kinds[rand.IntN(len(kinds))]
	a.newest = kind == "gitlab"
	defer func() { a.newest = false }()
	if a.providers[kind] >= maxProviders {
		return l.listProviders(ctx, a)
	}
	body := fmt.Sprintf(`{"kind": %q, "uid": "%s-%d", "regions": ["eu-west-1"]}`, kind, a.Slug, a.providers[kind])
	if err := l.create(ctx, a, "/v1/providers", body); err != nil {
		return err
	}
	a.providers[kind]++
	return nil
}

func (l *load) listProviders(ctx context.Context, a *account) error {
	p, _, err := get[page[provider]](ctx, l, a, "/v1/providers?limit=100")
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, one := range p.Items {
		counts[one.Kind]++
		if !strings.HasPrefix(one.UID, a.Slug+"-") {
			return fmt.Errorf("a provider of another tenant: %s", one.UID)
		}
	}
	for kind, want := range a.providers {
		if counts[kind] != want {
			return fmt.Errorf("%d providers of kind %s, want %d", counts[kind], kind, want)
		}
	}
	return nil
}

// listFindings is a query that the service builds as it runs.
func (l *load) listFindings(ctx context.Context, a *account) error {
	p, _, err := get[page[struct{}]](ctx, l, a, "/v1/findings?status=fail&severity=critical&limit=3")
	if err == nil && len(p.Items) > 0 {
		err = fmt.Errorf("%d findings of nowhere", len(p.Items))
	}
	return err
}
