//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devauth"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

func newTokenCommand() *cobra.Command {
	var slug, user string
	var ttl time.Duration
	var asJSON bool
	command := &cobra.Command{
		Use:   "token --tenant SLUG --user SUBJECT",
		Short: "Print a token for the development instance",
		Long: `token prints a token that "go run ./server" accepts when it runs on its own
database, whether it runs now or not. What it opens is for the project to say:
where there are members, the subject has to be one. A service with DATABASE_URL and
ISSUER accepts only what its issuer signed; the claim "tenant" there is the id that
"bailiwick tenant show" prints.

Exit status: 0 when the token is printed, 1 otherwise, 2 when the command line is
wrong.`,
		Args: noArgs,
		Example: `  bailiwick token --tenant acme --user owner@acme.example --ttl 1h
  curl -H "Authorization: Bearer $(bailiwick token --tenant acme --user owner@acme.example)" http://acme.localhost:8080/v1/scans
  bailiwick token --tenant acme --user owner@acme.example --json | jq -r .expires_at`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := devToken(cmd, slug, user, ttl)
			if err != nil {
				return fmt.Errorf("token: %w", err)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), token)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token.Token)
			return wrapPrint(err)
		},
	}
	command.Flags().StringVar(&slug, "tenant", "", "the tenant's slug (required)")
	command.Flags().StringVar(&user, "user", "", "the token's subject, such as the user's e-mail address (required)")
	command.Flags().DurationVar(&ttl, "ttl", devauth.DefaultTTL, "how long the token is valid")
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON object with the token and when it expires")
	completeFlag(command, "tenant", completeTenants)
	completeFlag(command, "user", completeNone)
	return require(command, "tenant", "user")
}

// warnElsewhere says which tenant is meant where the environment leads to another
// database than the development instance.
func warnElsewhere(cmd *cobra.Command, instance *devpg.Instance, slug string) {
	for _, variable := range []string{"DATABASE_URL", "DATABASE_OWNER_URL"} {
		if url := os.Getenv(variable); url != "" && !sameDatabase(url, instance.OwnerURL(devpg.Database)) {
			cmd.PrintErrf("warning: %s is set, but a token is for the embedded database only; that one's tenant %s is meant\n", variable, slug)
			return
		}
	}
}

// sameDatabase tells whether two connection strings lead to one database.
func sameDatabase(a, b string) bool {
	one, errOne := pgconn.ParseConfig(a)
	other, errOther := pgconn.ParseConfig(b)
	return errOne == nil && errOther == nil && one.Host == other.Host && one.Port == other.Port && one.Database == other.Database
}

// printedToken is what `token --json` prints.
type printedToken struct {
	Token     string    `json:"token"`
	Tenant    tenant.ID `json:"tenant"`
	Subject   string    `json:"subject"`
	ExpiresAt time.Time `json:"expires_at"`
}

func devToken(cmd *cobra.Command, slug, user string, ttl time.Duration) (token printedToken, err error) {
	if slug, err = tenant.ParseSlug(slug); err != nil {
		return token, err
	}
	instance, err := resumeDev(cmd)
	if err != nil {
		return token, err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	warnElsewhere(cmd, instance, slug)
	key, err := devauth.Open(instance.Dir())
	if err != nil {
		return token, err
	}
	var record catalog.Record
	err = useCatalog(cmd.Context(), catalog.Config{URL: instance.OwnerURL(devpg.Database)}, func(ctx context.Context, c *catalog.Catalog) (err error) {
		record, err = c.Get(ctx, slug)
		return err
	})
	switch tenant.CodeOf(err) {
	case "":
		token.Tenant, token.Subject, token.ExpiresAt = record.ID, user, time.Now().Add(ttl).UTC().Truncate(time.Second)
		token.Token, err = key.Token(record.ID, user, ttl)
		return token, err
	case tenant.CodeNotFound:
		return token, fmt.Errorf("the development instance has no tenant %s; `bailiwick tenant list` shows those that it has", slug)
	case tenant.CodeSchema:
		return token, errNoTenants
	default:
		return token, err
	}
}
