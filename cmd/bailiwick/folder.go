//go:build cgo

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// marks are the files by which a folder is known for a project.
var marks = []string{project.ConfigFile, project.SQLCFile, "openapi.yaml"}

// projectDir is the folder that --dir names, else the nearest project at or
// above the working directory. Nothing is started or made outside of a project.
func projectDir(cmd *cobra.Command) (string, error) {
	given, err := givenDir(cmd)
	if err != nil {
		return "", err
	}
	if given != "" {
		if isProject(given) {
			return given, nil
		}
		return "", fmt.Errorf("%s is no project: it has none of bailiwick.yaml, sqlc.yaml and openapi.yaml\n\tmend: name a project's folder with --dir", given)
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if isProject(dir) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("there is no project here: %s and the folders above it have none of bailiwick.yaml, sqlc.yaml and openapi.yaml\n"+
				"\tmend: go to the project's folder, name it with --dir, or make a new one: `bailiwick init DIR`", start)
		}
	}
}

// givenDir is the folder that --dir names, which must be there; empty without it.
func givenDir(cmd *cobra.Command) (string, error) {
	given, err := cmd.Flags().GetString("dir")
	if err != nil {
		return "", fmt.Errorf("read --dir: %w", err)
	}
	if given == "" {
		return "", nil
	}
	if info, err := os.Stat(given); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no folder %s\n\tmend: name a project's folder with --dir", given)
	} else if err == nil && !info.IsDir() {
		return "", fmt.Errorf("%s is a file\n\tmend: name a project's folder with --dir", given)
	}
	return given, nil
}

func isProject(dir string) bool {
	for _, mark := range marks {
		if info, err := os.Stat(filepath.Join(dir, mark)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// loadProject loads the project that the command works on.
func loadProject(cmd *cobra.Command) (*project.Project, error) {
	dir, err := projectDir(cmd)
	if err != nil {
		return nil, err
	}
	return project.Load(dir)
}
