// Package outputs replaces a project's generated folders as a whole, and only
// all of them together. It imports the standard library only.
//
// New folders are built beside the old ones, under [WorkDir]. The swap moves
// each old folder aside before its successor takes the place, and removes the
// old ones when every successor is in place. When something fails in between,
// the old folders are moved back; when the process dies in between, the next
// run moves back what is missing before it does anything else.
package outputs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// WorkDir is the folder below the project's root that a run works in. It does
// not outlive the run.
const WorkDir = ".bailiwick"

// Generated code is as readable as any other source.
const (
	FileMode   = 0o644
	FolderMode = 0o755
)

// Work is one run's hold on a project's outputs.
type Work struct {
	root, fresh string
	release     func() error
}

// ErrTaken says that what stands at [WorkDir] is not an earlier run's.
var ErrTaken = errors.New(WorkDir + " is not the generator's own")

// Open locks the project's outputs and repairs what an interrupted run left.
func Open(root string, dirs []string) (*Work, error) {
	release, err := lock(root)
	if err != nil {
		return nil, err
	}
	w := &Work{root: root, release: release}
	if err := w.prepare(dirs); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", WorkDir, err), release())
	}
	return w, nil
}

// prepare makes room for the run. The folder of the new outputs has another
// name each time, so that what an interrupted run left running cannot write
// into it.
func (w *Work) prepare(dirs []string) error {
	work := filepath.Join(w.root, WorkDir)
	if err := own(work); err != nil {
		return err
	}
	if err := errors.Join(w.restore(dirs), removeAll(work)); err != nil {
		return err
	}
	if err := os.MkdirAll(work, FolderMode); err != nil {
		return err
	}
	var err error
	w.fresh, err = os.MkdirTemp(work, "new-")
	return err
}

// own insists that the work folder, if there is one, holds what runs leave.
func own(work string) error {
	info, err := os.Lstat(work)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return ErrTaken
	}
	entries, err := os.ReadDir(work)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "old" && !strings.HasPrefix(name, "new") {
			return fmt.Errorf("%w: it holds %s", ErrTaken, name)
		}
	}
	return nil
}

// removeAll tries for a while: what an interrupted run left running may still
// write into the folder.
func removeAll(dir string) error {
	const attempts, pause = 50, 100 * time.Millisecond
	var err error
	for range attempts {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(pause)
	}
	return err
}

// New is the folder in which the new outputs are built, at the paths that they
// will have in the project.
func (w *Work) New() string { return w.fresh }

func (w *Work) old(dir string) string { return filepath.Join(w.root, WorkDir, "old", dir) }
func (w *Work) at(dir string) string  { return filepath.Join(w.root, dir) }

// Close removes what is left of the run and gives the lock back.
func (w *Work) Close() error {
	return errors.Join(removeAll(filepath.Join(w.root, WorkDir)), w.release())
}

// restore moves old folders back whose successors never came.
func (w *Work) restore(dirs []string) error {
	var errs []error
	for _, dir := range dirs {
		if !exists(w.old(dir)) || exists(w.at(dir)) {
			continue
		}
		errs = append(errs, os.MkdirAll(filepath.Dir(w.at(dir)), FolderMode), os.Rename(w.old(dir), w.at(dir)))
	}
	return errors.Join(errs...)
}

// Swap puts the new folders in place of the old ones, those that differ.
func (w *Work) Swap(dirs []string) error {
	var moved []string
	for _, dir := range dirs {
		changes, err := w.Changes(dir)
		if err == nil && len(changes) > 0 {
			moved = append(moved, dir)
			err = errors.Join(w.keepUnchanged(dir), w.replace(dir))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("replace %s: %w", dir, err), w.undo(moved))
		}
	}
	return nil
}

func (w *Work) replace(dir string) error {
	if exists(w.at(dir)) {
		if err := os.MkdirAll(filepath.Dir(w.old(dir)), FolderMode); err != nil {
			return err
		}
		if err := os.Rename(w.at(dir), w.old(dir)); err != nil {
			return err
		}
	}
	if !exists(filepath.Join(w.New(), dir)) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(w.at(dir)), FolderMode); err != nil {
		return err
	}
	return os.Rename(filepath.Join(w.New(), dir), w.at(dir))
}

// undo takes the successors away again and moves the old folders back.
func (w *Work) undo(dirs []string) error {
	var errs []error
	for _, dir := range dirs {
		if exists(w.old(dir)) {
			errs = append(errs, os.RemoveAll(w.at(dir)))
		}
	}
	return errors.Join(append(errs, w.restore(dirs))...)
}

// keepUnchanged moves files whose content stays the same over from the old
// folder's place in time: they keep their modification time.
func (w *Work) keepUnchanged(dir string) error {
	files, err := Files(filepath.Join(w.New(), dir))
	if err != nil {
		return err
	}
	for _, file := range files {
		fresh := filepath.Join(w.New(), dir, file)
		old := filepath.Join(w.at(dir), file)
		info, err := os.Stat(old)
		if err != nil {
			continue // a new file
		}
		same, err := sameContent(fresh, old)
		if err != nil {
			return err
		}
		if same {
			if err := os.Chtimes(fresh, info.ModTime(), info.ModTime()); err != nil {
				return fmt.Errorf("keep the time of %s: %w", file, err)
			}
		}
	}
	return nil
}

// Changes lists the files, relative to the root, by which the new folder
// differs from the one in place.
func (w *Work) Changes(dir string) ([]string, error) {
	fresh, err := Files(filepath.Join(w.New(), dir))
	if err != nil {
		return nil, err
	}
	old, err := Files(w.at(dir))
	if err != nil {
		return nil, err
	}
	var changes []string
	for _, file := range fresh {
		same := false
		if slices.Contains(old, file) {
			if same, err = sameContent(filepath.Join(w.New(), dir, file), filepath.Join(w.at(dir), file)); err != nil {
				return nil, err
			}
		}
		if !same {
			changes = append(changes, filepath.ToSlash(filepath.Join(dir, file)))
		}
	}
	for _, file := range old {
		if !slices.Contains(fresh, file) {
			changes = append(changes, filepath.ToSlash(filepath.Join(dir, file)))
		}
	}
	slices.Sort(changes)
	return changes, nil
}

// Foreign lists files in an output folder that no generator wrote. Replacing
// the folder would delete somebody's work.
func (w *Work) Foreign(dir string) ([]string, error) {
	files, err := Files(w.at(dir))
	if err != nil {
		return nil, err
	}
	var foreign []string
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(w.at(dir), file))
		if err != nil {
			return nil, fmt.Errorf("read an output: %w", err)
		}
		if !generated(data) {
			foreign = append(foreign, filepath.ToSlash(filepath.Join(dir, file)))
		}
	}
	return foreign, nil
}

// generated looks for Go's mark of generated files before the first declaration.
func generated(data []byte) bool {
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "// Code generated ") && strings.HasSuffix(text, "DO NOT EDIT.") {
			return true
		}
		if text != "" && !strings.HasPrefix(text, "//") && !strings.HasPrefix(text, "package ") {
			return false
		}
	}
	return false
}

// Files lists all files below a folder, relative to it; none if it is absent.
func Files(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == dir {
			return fs.SkipAll
		}
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			rel, err := filepath.Rel(dir, name)
			if err != nil {
				return err
			}
			files = append(files, rel)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	return files, nil
}

func sameContent(a, b string) (bool, error) {
	x, err := os.ReadFile(a)
	if err != nil {
		return false, fmt.Errorf("compare outputs: %w", err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		return false, fmt.Errorf("compare outputs: %w", err)
	}
	return bytes.Equal(x, y), nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
