package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// births are attacks 31, 33 and 34 with an operator's key: tenants are made, named
// otherwise, purged and made again while requests go on. The names that must be
// refused (8 to 11) are tried here too, where tenants are made.
func (c *campaign) births(ctx context.Context) error {
	if c.OperatorURL == "" || c.OperatorKey == "" {
		for _, n := range []int{31, 33, 34} {
			c.skip(n, "tenants that are made and purged", needsOperator)
		}
		return nil
	}
	b := &nursery{campaign: c, slug: fmt.Sprintf("attack-%d", time.Now().UnixNano()%1e12)}
	slug, _, _ := strings.Cut(c.B.Host, ".")
	theirs := c.operate(ctx, http.MethodGet, "/v1/tenants/"+slug, "")
	if theirs.status != http.StatusOK {
		return fmt.Errorf("the operator's listener does not show tenant %s: %s", slug, theirs)
	}
	b.plan = theirs.field("plan")
	b.badNames(ctx)
	first := b.twins(ctx)
	if first == "" {
		return nil // Which is in the report.
	}
	remembered := b.things(ctx, first)
	b.moved(ctx, first)
	b.again(ctx, first, remembered)
	return nil
}

// nursery makes tenants of one slug.
type nursery struct {
	*campaign

	// plan is B's, as some services want one; it may be empty.
	slug, plan string
}

// named is a body with nothing but a slug.
func named(slug string) string {
	return encode(struct {
		Slug string `json:"slug"`
	}{slug})
}

func (b *nursery) host(slug string) string {
	_, base, _ := strings.Cut(b.A.Host, ".")
	return slug + "." + base
}

// badNames asks for tenants with the names of attacks 8 to 11.
func (b *nursery) badNames(ctx context.Context) {
	for _, number := range []int{8, 9, 10, 11} {
		for _, slug := range badSlugs[number] {
			got := b.operate(ctx, http.MethodPost, "/v1/tenants", named(slug))
			b.judge(number, "a tenant is to be made with such a name", slug, got.String(), got.is(400, 409, 422), "400 or 422")
		}
	}
}

// creation is the body that makes a tenant whose owner is who B's token is for.
func (b *nursery) creation() string {
	body := struct {
		Slug  string `json:"slug"`
		Plan  string `json:"plan,omitempty"`
		Owner string `json:"owner_email,omitempty"`
	}{Slug: b.slug, Plan: b.plan}
	_, claims, _ := parts(b.B.Token)
	if subject, _ := claims["sub"].(string); strings.Contains(subject, "@") {
		body.Owner = subject
	}
	return encode(body)
}

// twins is attack 31: many ask for one slug at once, and one gets it. It returns
// the winner's id.
func (b *nursery) twins(ctx context.Context) (id string) {
	var wait sync.WaitGroup
	answers := make([]answer, clients)
	for i := range answers {
		wait.Go(func() { answers[i] = b.operate(ctx, http.MethodPost, "/v1/tenants", b.creation()) })
	}
	wait.Wait()
	made, refused := 0, 0
	for _, got := range answers {
		switch {
		case got.status == http.StatusCreated:
			id = got.field("id")
			made++
		case got.is(409, 422, 503):
			refused++
		}
	}
	text := fmt.Sprintf("%d made, %d refused", made, refused)
	if made == 0 {
		text += ": " + answers[0].String() + " " + answers[0].field("detail")
	}
	b.judge(31, "one slug, asked for at once", plural(clients, "request", "requests")+" for "+b.slug, text, made == 1 && made+refused == clients, "one is made, the others are 409")
	return id
}

// member is a token of the new tenant's owner; empty where nobody can sign one.
func (b *nursery) member(id string) string { return b.issued(id, time.Now()) }

func (b *nursery) issued(id string, at time.Time) string {
	if b.Sign == nil {
		return ""
	}
	_, claims, _ := parts(b.B.Token)
	claims = with(claims, "iat", at.Unix())
	token, err := b.Sign(with(claims, b.TenantClaim, id))
	if err != nil {
		return ""
	}
	return token
}

// again is attack 33: the slug goes to somebody else, and with it nothing.
func (b *nursery) again(ctx context.Context, first string, remembered map[string]bool) {
	const name = "a slug that is used again"
	token := b.member(first)
	if got := b.purge(ctx, first); got.status != http.StatusOK {
		b.judge(33, name, "purge "+b.slug, got.String(), false, "200")
		return
	}
	made := b.operate(ctx, http.MethodPost, "/v1/tenants", b.creation())
	second := made.field("id")
	b.judge(33, name, "POST /v1/tenants with "+b.slug, made.String(), made.status == http.StatusCreated && second != first, "201, with another id")
	if second == "" {
		return
	}
	if token != "" {
		b.refused(ctx, 33, "a token of who had the slug before", b.host(b.slug), token)
	}
	b.leftBehind(ctx, remembered, second)
	if got := b.purge(ctx, second); got.status != http.StatusOK {
		b.judge(33, name, "purge "+b.slug, got.String(), false, "200")
	}
}

// things are the ids in all lists of a tenant of this slug, as its owner sees them.
func (b *nursery) things(ctx context.Context, id string) map[string]bool {
	found := map[string]bool{}
	token := b.member(id)
	for _, op := range b.doc.operations {
		if token == "" || op.method != http.MethodGet || !op.secured || !op.tenants || len(op.pathParams()) > 0 {
			continue
		}
		got := b.send(ctx, request{path: op.target(nil), host: b.host(b.slug), token: token})
		for _, thing := range ids.FindAllString(got.body, -1) {
			found[thing] = true
		}
	}
	return found
}

// leftBehind looks for what the first tenant had in the lists of the second.
func (b *nursery) leftBehind(ctx context.Context, remembered map[string]bool, second string) {
	const name = "the data of who had the slug before"
	if len(remembered) == 0 {
		b.skip(33, name, "needs a token of the new tenant's owner, Target.Sign, and a list in which something has a UUID")
		return
	}
	got := "none of them"
	for thing := range b.things(ctx, second) {
		if remembered[thing] {
			got = "the new tenant has " + thing
		}
	}
	b.judge(33, name, plural(len(remembered), "id", "ids")+" of the first tenant's", got, got == "none of them", "nothing of the first tenant's")
}

func (b *nursery) purge(ctx context.Context, id string) answer {
	at := "/v1/tenants/" + id
	if got := b.operate(ctx, http.MethodPost, at+"/offboard", `{"reason":"attack suite","grace_days":0}`); got.status != http.StatusOK {
		return got
	}
	return b.operate(ctx, http.MethodPost, at+"/purge", encode(map[string]any{"confirm": b.slug, "early": true}))
}
