//go:build linux || darwin || freebsd

package devpg_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// The first who needs the server starts it; others attach, and it stops by itself.
func ExampleStart() {
	if err := currentRole(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: bailiwick_app
}

func currentRole(ctx context.Context) (err error) {
	instance, err := devpg.Start(ctx, devpg.Options{Name: devpg.Test})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	conn, err := pgx.Connect(ctx, instance.RuntimeURL(devpg.Database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var role string
	if err := conn.QueryRow(ctx, "SELECT current_user").Scan(&role); err != nil {
		return err
	}
	fmt.Println(role)
	return nil
}
