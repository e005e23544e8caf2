//go:build cgo

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// Files of rows: of the shared schema, and of each new tenant's. Each lies beside
// the file that makes the schema.
const (
	seedFile       = "seed.sql"
	tenantSeedFile = "tenant_seed.sql"
)

// projectSchema reads the desired state from the project's files. What the
// tenants' block of sqlc.yaml has beyond the shared one is the tenants' own.
func projectSchema(p *project.Project) (s catalog.Schema, err error) {
	if p.Public == nil {
		return s, fmt.Errorf("%s has no block for the shared schema, which holds the registry of tenants", project.SQLCFile)
	}
	public, own := schemaFiles(p)
	if s.Public, err = readAll(p, public); err != nil {
		return s, err
	}
	if s.Tenant, err = readAll(p, own); err != nil {
		return s, err
	}
	if s.Seed, err = readBeside(p, p.Public.OwnSchema, seedFile); err != nil {
		return s, fmt.Errorf("read the shared schema's rows: %w", err)
	}
	if s.TenantSeed, err = readBeside(p, p.Tenant.OwnSchema, tenantSeedFile); err != nil {
		return s, fmt.Errorf("read the first rows of tenants: %w", err)
	}
	return s, nil
}

// readBeside reads a file in the folder of another, if there is one.
func readBeside(p *project.Project, file, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(p.Abs(file)), name))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return string(text), err
}

func readAll(p *project.Project, files []string) (string, error) {
	var b strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(p.Abs(file))
		if err != nil {
			return "", fmt.Errorf("read schema: %w", err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String(), nil
}
