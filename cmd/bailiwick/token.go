package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/devauth"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

func newTokenCommand() *cobra.Command {
	var slug, user string
	var ttl time.Duration
	command := &cobra.Command{
		Use:   "token --tenant SLUG --user SUBJECT",
		Short: "Print a token for the development instance",
		Long: "Print a token that `go run ./server` accepts when it runs on its own database.\n" +
			"It works whether the server runs or not. A service with ISSUER and JWKS_URL does not accept it.",
		Args:    cobra.NoArgs,
		Example: "  bailiwick token --tenant acme --user owner@acme.example --ttl 1h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := devToken(cmd, slug, user, ttl)
			if err != nil {
				return fmt.Errorf("token: %w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	command.Flags().StringVar(&slug, "tenant", "", "the tenant's slug (required)")
	command.Flags().StringVar(&user, "user", "", "the token's subject, such as the user's e-mail address (required)")
	command.Flags().DurationVar(&ttl, "ttl", devauth.DefaultTTL, "how long the token is valid")
	for _, name := range []string{"tenant", "user"} {
		if err := command.MarkFlagRequired(name); err != nil {
			panic(err) // The flag is defined a few lines above.
		}
	}
	return command
}

func devToken(cmd *cobra.Command, slug, user string, ttl time.Duration) (_ string, err error) {
	if slug, err = tenant.ParseSlug(slug); err != nil {
		return "", err
	}
	instance, err := startDev(cmd)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	key, err := devauth.Open(instance.Dir())
	if err != nil {
		return "", err
	}
	var record catalog.Record
	err = useCatalog(cmd.Context(), catalog.Config{URL: instance.OwnerURL(devpg.Database)}, func(ctx context.Context, c *catalog.Catalog) (err error) {
		record, err = c.Get(ctx, slug)
		return err
	})
	switch tenant.CodeOf(err) {
	case "":
		return key.Token(record.ID, user, ttl)
	case tenant.CodeNotFound:
		return "", fmt.Errorf("the development instance has no tenant %s; `bailiwick tenant list` shows those that it has", slug)
	case tenant.CodeSchema:
		return "", errors.New("the development instance has no tenants yet; `go run ./server` makes them")
	default:
		return "", err
	}
}
