package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const mendDir = "\n\tmend: name a folder that is empty or does not exist"

// repository is what a folder may hold and still count as empty: a project is
// often begun by cloning. No file of a project has this name, so it is left alone.
const repository = ".git"

// place is where a project goes.
type place struct {
	// dir is the project's folder, absolute.
	dir string
	// exists tells whether dir is there already, empty but for a repository.
	exists bool
	// within is where to work: on the same file system as dir.
	within string
}

// findPlace refuses a folder in which something would be overwritten or mixed up.
func findPlace(dir string) (place, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return place{}, fmt.Errorf("find the folder: %w", err)
	}
	info, err := os.Stat(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return newPlace(dir, abs)
	}
	if err != nil {
		return place{}, fmt.Errorf("look at the folder: %w", err)
	}
	if !info.IsDir() {
		return place{}, fmt.Errorf("%s is a file"+mendDir, dir)
	}
	entries, err := os.ReadDir(abs)
	if err != nil {
		return place{}, fmt.Errorf("look into the folder: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() != repository {
			return place{}, fmt.Errorf("%s is not empty, it has %s"+mendDir, dir, entry.Name())
		}
	}
	return place{dir: abs, exists: true, within: abs}, nil
}

func newPlace(dir, abs string) (place, error) {
	if _, err := os.Lstat(abs); err == nil {
		return place{}, fmt.Errorf("%s is a link to nowhere"+mendDir, dir)
	}
	parent := filepath.Dir(abs)
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return place{}, fmt.Errorf("there is no folder %s to make the project in\n\tmend: make it first", filepath.Dir(filepath.Clean(dir)))
	}
	return place{dir: abs, within: parent}, nil
}

// alone tells whether work is all that is in a folder that was empty. Of two
// that make a project in it at once, each has its own there before it looks, so
// that at most one goes on, and nothing of the one is moved over the other's.
func (p place) alone(dir, work string) error {
	if !p.exists {
		return nil
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return fmt.Errorf("look into the folder: %w", err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != filepath.Base(work) && name != repository {
			return fmt.Errorf("%s is not empty any more, it has %s"+mendDir, dir, entry.Name())
		}
	}
	return nil
}

// put moves the finished project from work to its place. A folder that exists is
// kept, for somebody may stand in it, and so its files are moved one by one.
func (p place) put(work string) (err error) {
	if err := os.Chmod(work, folderMode); err != nil {
		return fmt.Errorf("put the project in its place: %w", err)
	}
	if !p.exists {
		if err := os.Rename(work, p.dir); err != nil {
			return fmt.Errorf("put the project in its place: %w", err)
		}
		return nil
	}
	entries, err := os.ReadDir(work)
	if err != nil {
		return fmt.Errorf("put the project in its place: %w", err)
	}
	for i, entry := range entries {
		err := os.Rename(filepath.Join(work, entry.Name()), filepath.Join(p.dir, entry.Name()))
		if err == nil {
			continue
		}
		for _, moved := range entries[:i] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(p.dir, moved.Name())))
		}
		return fmt.Errorf("put the project in its place: %w", err)
	}
	return nil
}
