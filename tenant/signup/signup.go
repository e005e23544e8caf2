// Package signup lets people make tenants by themselves, without telling anybody
// which tenants there are. Three steps:
//
// Whoever asks for a tenant ([Desk.Request]) gets the same answer after the same
// work whether the slug is free or not: nobody looks. A mail with a token goes to
// the address. Whoever has the token ([Desk.Confirm]) owns the address, and is
// told if the slug is taken. A worker ([Job]) then makes the tenant with the
// rights of the owner role, which no request has, and [Desk.Look] tells how far
// it is. What is between the steps is in bailiwick.signups.
//
// The package imports the standard library, pgx and packages under tenant/.
package signup

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/mail"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// Defaults of [Config].
var (
	DefaultPerAddress = limit.Policy{Quota: 10, Window: time.Hour}
	DefaultPerEmail   = limit.Policy{Quota: 3, Window: time.Hour}
)

// TokenHeader is the header in which a client has its token when it looks.
const TokenHeader = "Signup-Token"

// DefaultExpiry is how long a token can be confirmed.
const DefaultExpiry = 24 * time.Hour

// perToken limits how often one client may come with tokens. It protects the
// database; tokens can't be guessed.
var perToken = limit.Policy{Quota: 600, Window: time.Minute}

// Config is what a Desk works with.
type Config struct {
	// DB is reached as the runtime role.
	DB *tenant.DB
	// Keys hash the tokens.
	Keys *keyring.Keyring
	// Mail sends the tokens.
	Mail mail.Sender
	// BaseDomain is below which the tenants are.
	BaseDomain string
	// Link is the page where people confirm, with {token} in it and maybe {id}, the
	// sign-up's, such as https://app.example/welcome#{token}. Empty sends the token
	// alone.
	Link string
	// PerAddress and PerEmail limit the requests of one client address, and those
	// for one e-mail address. Zero means DefaultPerAddress and DefaultPerEmail.
	PerAddress, PerEmail limit.Policy
	// Expiry is how long a token can be confirmed. Zero means DefaultExpiry.
	Expiry time.Duration
	// Wake is called when there is work for [Job]. Nil leaves it to find that out.
	Wake func()
}

// Desk takes sign-ups. It is safe for concurrent use. All methods of a nil Desk
// answer 404: there is no sign-up. All of them return errors of package rest or
// of the database.
type Desk struct {
	config                         Config
	perAddress, perEmail, perToken *limit.Limiter
}

// New makes a Desk.
func New(c Config) *Desk {
	return &Desk{
		config:     c,
		perAddress: limit.New("signups", cmp.Or(c.PerAddress, DefaultPerAddress)),
		perEmail:   limit.New("signups-per-email", cmp.Or(c.PerEmail, DefaultPerEmail)),
		perToken:   limit.New("confirmations", perToken),
	}
}

// Expiry is how long a token can be confirmed.
func (d *Desk) Expiry() time.Duration { return cmp.Or(d.config.Expiry, DefaultExpiry) }

// Request is what somebody wants.
type Request struct {
	// Slug names the tenant in host names.
	Slug string
	// Name is the tenant's, for people. Empty means the slug.
	Name string
	// Email is the first user's.
	Email string
	// Plan is one of public.plans that is listed. It may be empty only where tenants have none.
	Plan string
}

// Request takes down what somebody wants and mails a token to the address. What
// comes out depends on what is asked for and how often, never on which tenants
// there are: the registry is not looked at. An invalid field, such as a slug that is
// reserved ([tenant.ParseNewSlug]), is 422, too many requests are 429, and mail that can't be sent is 503.
func (d *Desk) Request(ctx context.Context, r Request) error {
	if d == nil {
		return notFound()
	}
	if err := d.perAddress.Take(limit.AddressKey(ctx)); err != nil {
		return err
	}
	r, err := r.checked()
	if err != nil {
		return err
	}
	if err := d.perEmail.Take(strings.ToLower(r.Email)); err != nil {
		return err
	}
	if offered, err := offers(ctx, d.config.DB.Public(), r.Plan); err != nil {
		return err
	} else if !offered {
		return invalid("plan", "there is no such plan on offer")
	}
	id, token := tenant.NewID(), newToken()
	_, err = d.config.DB.Public().Exec(ctx, `
		INSERT INTO bailiwick.signups (id, slug, name, email, plan, token_hash, expires_at)
		VALUES ($1::uuid, $2, $3, $4, nullif($5, ''), $6, pg_catalog.now() + pg_catalog.make_interval(secs => $7))`,
		id.String(), r.Slug, cmp.Or(r.Name, r.Slug), r.Email, r.Plan, Hash(d.config.Keys, []byte(token)), d.Expiry().Seconds())
	if err != nil {
		return fmt.Errorf("take down the sign-up: %w", err)
	}
	if err := d.config.Mail(ctx, d.message(id, r, token)); err != nil {
		return &rest.StatusError{
			Problem: rest.Problem{Status: http.StatusServiceUnavailable, Detail: "no mail can be sent now"},
			Err:     fmt.Errorf("mail the token: %w", err),
		}
	}
	return nil
}

// message is the mail to somebody who may not have asked for it. Of what was
// asked for it says the slug alone, which is too short and too plain to carry a
// message of the asker's own.
func (d *Desk) message(id tenant.ID, r Request, token string) mail.Message {
	host := r.Slug + "." + d.config.BaseDomain
	proof := "Your token is\n\n" + token
	if d.config.Link != "" {
		proof = "To confirm, open\n\n" + strings.NewReplacer("{token}", token, "{id}", id.String()).Replace(d.config.Link)
	}
	return mail.Message{
		ID: "signup-" + id.String(), To: r.Email, Subject: "Confirm " + host,
		Text: fmt.Sprintf("Somebody wants to open %s and gave this address.\n\n%s\n\nThis is good for %s, and once. If it was not you, do nothing.\n",
			host, proof, inHours(d.Expiry())),
	}
}

func inHours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return d.String()
}

const (
	// purpose is what tokens are hashed for.
	purpose = "bailiwick.signups.token_hash"
	maxName = 200
)

// checked is the request as it is taken down, if it can be. What no tenant's slug can
// be is known from the text of the slug alone, which says nothing of any tenant.
func (r Request) checked() (Request, error) {
	if _, err := tenant.ParseNewSlug(r.Slug); err != nil {
		return r, invalid("slug", errors.Unwrap(err).Error())
	}
	email, err := mail.ParseAddress(r.Email)
	if err != nil {
		return r, invalid("email", err.Error())
	}
	r.Email = email
	r.Name = strings.TrimSpace(r.Name)
	if len(r.Name) > maxName || !utf8.ValidString(r.Name) || strings.ContainsFunc(r.Name, unicode.IsControl) {
		return r, invalid("name", fmt.Sprintf("want at most %d bytes in one line", maxName))
	}
	return r, nil
}

// offers tells whether a plan is on offer. A project whose plans are not listed
// or not offers all of them.
func offers(ctx context.Context, q querier, plan string) (offered bool, err error) {
	if plan == "" {
		return true, nil
	}
	err = q.QueryRow(ctx, `SELECT EXISTS (
		SELECT FROM public.plans AS p WHERE p.name = $1 AND coalesce((pg_catalog.to_jsonb(p) ->> 'listed')::boolean, true))`, plan).Scan(&offered)
	if tenant.CodeOf(err) == tenant.CodeSchema {
		return false, nil // There are no plans at all.
	}
	if err != nil {
		return false, fmt.Errorf("look for the plan: %w", err)
	}
	return offered, nil
}

// Hash is what bailiwick.signups keeps of a token.
func Hash(keys *keyring.Keyring, token []byte) []byte { return keys.Hash(purpose, token) }

// newToken is 256 random bits as text.
func newToken() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // It never fails.
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

func invalid(property, detail string) error {
	return &rest.StatusError{Problem: rest.Problem{
		Status: http.StatusUnprocessableEntity,
		Errors: []rest.FieldError{{In: "body", Pointer: "/" + property, Detail: detail}},
	}}
}

// errNoSignup is the cause of the one answer to whatever is not there.
var errNoSignup = errors.New("no such sign-up, or a token that is wrong, used or expired")

func notFound() error {
	return &rest.StatusError{Problem: rest.Problem{Status: http.StatusNotFound}, Err: errNoSignup}
}
