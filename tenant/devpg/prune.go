package devpg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// projectFile, beside a project's instances, says whose they are.
const projectFile = "project"

// prune removes the data of temporary projects that are gone, such as those
// that tests make. Other projects keep theirs: the disk that they are on may be
// away for a while only.
func (p place) prune() error {
	mine := filepath.Dir(p.dir)
	err := replaceFile(filepath.Join(mine, projectFile), []byte(p.project), account{})
	files, errGlob := filepath.Glob(filepath.Join(p.root, "*", projectFile))
	err = errors.Join(err, errGlob)
	for _, file := range files {
		text, errRead := os.ReadFile(file)
		if errRead != nil || !temporary(string(text)) {
			continue // being removed by another process, or not to be removed
		}
		if _, errStat := os.Stat(string(text)); errors.Is(errStat, fs.ErrNotExist) {
			err = errors.Join(err, p.removeProject(filepath.Dir(file)))
		}
	}
	return err
}

func temporary(project string) bool {
	dir, err := filepath.EvalSymlinks(os.TempDir())
	return err == nil && strings.HasPrefix(project, dir+string(filepath.Separator))
}

// removeProject removes the instances of a project that nobody uses.
func (p place) removeProject(dir string) (err error) {
	locks, err := filepath.Glob(filepath.Join(dir, "*", "users.lock"))
	if err != nil {
		return fmt.Errorf("remove instances of a project that is gone: %w", err)
	}
	for _, file := range locks {
		users, err := openLock(file)
		if err != nil {
			return err
		}
		free, err := users.tryExclusive()
		if err == nil && free {
			err = os.RemoveAll(filepath.Dir(file))
		}
		if err = errors.Join(err, users.Close()); err != nil || !free {
			return err
		}
	}
	p.log("removing the database of a temporary project that is gone: %s", dir)
	return os.RemoveAll(dir)
}
