package devpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// downloadSource is where binaries come from; zero means embedded-postgres's
// own repository and newest version.
type downloadSource struct {
	url     string
	version string
}

// download fetches binaries once for all projects. The library can only fetch
// on its way to starting a server of its own, so it is given a data directory
// that cannot be made, and stops right after it has unpacked.
func download(ctx context.Context, p place, from downloadSource) (binaries, error) {
	if from.version == "" {
		from.version = string(embeddedpostgres.V18)
	}
	dir := filepath.Join(p.root, "postgres-"+from.version)
	lock, err := lockExclusive(ctx, dir+".lock")
	if err != nil {
		return binaries{}, err
	}
	b, err := inspect(ctx, filepath.Join(dir, "bin"))
	if err != nil {
		p.log("no PostgreSQL on this machine: downloading version %s to %s", from.version, dir)
		b, err = fetch(ctx, p.root, dir, from)
	}
	return b, errors.Join(err, lock.Close())
}

func fetch(ctx context.Context, root, dir string, from downloadSource) (_ binaries, err error) {
	scratch, err := os.MkdirTemp(root, "download-")
	if err != nil {
		return binaries{}, fmt.Errorf("download: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	obstacle := filepath.Join(scratch, "obstacle")
	if err := os.WriteFile(obstacle, nil, 0o600); err != nil {
		return binaries{}, fmt.Errorf("download: %w", err)
	}
	port, err := freePort(ctx, 0)
	if err != nil {
		return binaries{}, err
	}
	unpacked := filepath.Join(scratch, "postgres")
	config := embeddedpostgres.DefaultConfig().
		Version(embeddedpostgres.PostgresVersion(from.version)).
		Port(uint32(port)). //nolint:gosec // A port; the library insists on a free one.
		Logger(io.Discard).
		CachePath(filepath.Join(scratch, "cache")).
		RuntimePath(filepath.Join(scratch, "run")).
		BinariesPath(unpacked).
		DataPath(filepath.Join(obstacle, "data"))
	if from.url != "" {
		config = config.BinaryRepositoryURL(from.url)
	}
	err = embeddedpostgres.NewDatabase(config).Start()
	if err == nil || !strings.Contains(err.Error(), obstacle) {
		return binaries{}, fmt.Errorf("download PostgreSQL %s: %w", from.version, err)
	}
	if _, err := inspect(ctx, filepath.Join(unpacked, "bin")); err != nil {
		return binaries{}, fmt.Errorf("downloaded PostgreSQL %s: %w", from.version, err)
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(unpacked, dir)); err != nil {
		return binaries{}, fmt.Errorf("download: %w", err)
	}
	return inspect(ctx, filepath.Join(dir, "bin"))
}
