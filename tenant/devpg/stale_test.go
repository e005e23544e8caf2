//go:build linux || darwin || freebsd

package devpg_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// TestStaleFiles starts over what a crash of the machine can leave behind.
func TestStaleFiles(t *testing.T) {
	t.Parallel()
	o := options(t, devpg.Dev)
	in := start(t, o)
	must(t, in.OwnerURL(devpg.Database), "CREATE TABLE public.kept ()")
	closeInstance(t, in)

	// A live process that is no PostgreSQL has the old server's id now.
	stale := fmt.Sprintf("%d\n%s\n1\n1\n\n127.0.0.1\n1 1\nready   \n", os.Getpid(), filepath.Dir(pidFile(in)))
	halfDone := filepath.Join(in.Dir(), "unfinished-1")
	for name, text := range map[string]string{
		pidFile(in):                              stale,
		filepath.Join(in.Dir(), "state.json"):    `{"major":`,
		filepath.Join(halfDone, "PG_VERSION"):    "15",
		filepath.Join(in.Dir(), "postgres.log"):  "old",
		filepath.Join(in.Dir(), "initdb.passwd"): "old",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in = start(t, o)
	must(t, in.OwnerURL(devpg.Database), "TABLE public.kept")
}

// TestHalfDoneFirstStart is a first start after one that died within initdb.
func TestHalfDoneFirstStart(t *testing.T) {
	t.Parallel()
	o := options(t, devpg.Dev)
	dir, err := devpg.Dir(o)
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "unfinished-1")
	if err := os.MkdirAll(filepath.Join(left, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	in := start(t, o)
	must(t, in.OwnerURL(devpg.Database), "SELECT 1")
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", left, err)
	}
}

// TestTemporaryProject removes the data of a project that a test made and removed.
func TestTemporaryProject(t *testing.T) {
	t.Parallel()
	o := options(t, devpg.Dev)
	used, gone := o, o
	used.Project, gone.Project = t.TempDir(), t.TempDir()
	holds := start(t, used)
	left := start(t, gone)
	closeInstance(t, left)
	for _, dir := range []string{used.Project, gone.Project} {
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
	start(t, o)
	if _, err := os.Stat(filepath.Dir(left.Dir())); !os.IsNotExist(err) {
		t.Errorf("the data of the project that is gone is there: %v", err)
	}
	must(t, holds.OwnerURL(devpg.Database), "SELECT 1")
}

func TestPlanted(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	for name, plant := range map[string]func(dir string) error{
		"symbolic link":     func(dir string) error { return os.Symlink(elsewhere, dir) },
		"writable by all":   func(dir string) error { return os.Chmod(mkdir(t, dir), 0o777) },
		"writable by group": func(dir string) error { return os.Chmod(mkdir(t, dir), 0o770) },
		"a file":            func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, devpg.Dev)
			if err := plant(o.CacheDir); err != nil {
				t.Fatal(err)
			}
			_, err := devpg.Start(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), "must be a directory of your own") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestName(t *testing.T) {
	t.Parallel()
	o := options(t, "../x")
	if _, err := devpg.Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "instance name") {
		t.Errorf("got %v", err)
	}
}

// TestMajorVersion moves to binaries that say they are of another version: the
// old data stays, untouched, for the day that they come back.
func TestMajorVersion(t *testing.T) {
	o := options(t, devpg.Dev)
	in := start(t, o)
	must(t, in.OwnerURL(devpg.Database), "CREATE TABLE public.kept ()")
	closeInstance(t, in)

	t.Setenv("BAILIWICK_PG_BIN", disguised(t, in.Major()+80))
	other := start(t, o)
	if got, want := other.Major(), in.Major()+80; got != want {
		t.Errorf("major version %d, want %d", got, want)
	}
	if err := exec1(t.Context(), other.OwnerURL(devpg.Database), "TABLE public.kept"); err == nil {
		t.Error("another major version opened the old data")
	}
	closeInstance(t, other)

	t.Setenv("BAILIWICK_PG_BIN", disguised(t, in.Major()))
	in = start(t, o)
	must(t, in.OwnerURL(devpg.Database), "TABLE public.kept")
}

// disguised makes a directory of binaries that claim to be of a major version.
func disguised(t *testing.T, major int) string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(options(t, devpg.Dev).CacheDir), "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "initdb"} {
		script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = --version ] && echo 'postgres (PostgreSQL) %d.1' && exit\n"+
			"for arg; do shift; case \"$arg\" in --locale-provider=*|--builtin-locale=*) ;; *) set -- \"$@\" \"$arg\" ;; esac; done\n"+
			"exec '%s' \"$@\"\n", major, realBinary(t, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// realBinary finds a binary where the package's own search would.
func realBinary(t *testing.T, name string) string {
	t.Helper()
	dir, err := devpg.BinDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// TestDownload unpacks an archive made as the repository makes them, with
// scripts in place of the binaries.
func TestDownload(t *testing.T) {
	t.Parallel()
	archive, err := os.ReadFile("testdata/postgres.txz")
	if err != nil {
		t.Fatal(err)
	}
	requests := 0
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".jar") {
			http.NotFound(w, r)
			return
		}
		requests++
		var jar bytes.Buffer
		z := zip.NewWriter(&jar)
		f, err := z.Create("postgres-any.txz")
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := f.Write(archive); err != nil {
			t.Error(err)
		}
		if err := z.Close(); err != nil {
			t.Error(err)
		}
		if _, err := w.Write(jar.Bytes()); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(repository.Close)
	root := t.TempDir()
	for range 2 {
		dir, major, err := devpg.Download(t.Context(), root, repository.URL, "18.0.0")
		if err != nil {
			t.Fatal(err)
		}
		if major != 18 {
			t.Errorf("major version %d, want 18", major)
		}
		if out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "initdb")).Output(); err != nil || string(out) != "initdb\n" {
			t.Errorf("initdb: %q, %v", out, err)
		}
	}
	if requests != 1 {
		t.Errorf("%d downloads, want 1", requests)
	}
	if left, err := filepath.Glob(filepath.Join(root, "download-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, _, err := devpg.Download(t.Context(), root, repository.URL+"/none?", "18.0.1"); err == nil {
		t.Error("a failed download gave no error")
	}
}
