package project

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// hookTimeout bounds hooks: more they are not given after a step.
const hookTimeout = time.Minute

// Hook is a command that is run before and after each step in the life of a tenant.
type Hook struct {
	// Name names the hook in errors and in the outbox.
	Name string
	// Command is the program and its arguments. A path with a slash is relative
	// to the project's folder.
	Command []string
	// Timeout bounds each run. It is at most a minute.
	Timeout time.Duration
}

type configHook struct {
	Name    string        `yaml:"name"`
	Command []string      `yaml:"command"`
	Timeout time.Duration `yaml:"timeout"`
}

var hookName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// loadHooks checks the commands of bailiwick.yaml.
func (l *loader) loadHooks(hooks []configHook) {
	line := lineOf(&l.config, "hooks", 0)
	names := make([]string, 0, len(hooks))
	for _, h := range hooks {
		switch {
		case !hookName.MatchString(h.Name):
			l.reportf(ConfigFile, line, "hook", "hooks", "name it in a-z, 0-9 and inner hyphens, such as dns", "%q is no name of a hook", h.Name)
		case slices.Contains(names, h.Name):
			l.reportf(ConfigFile, line, "hook", h.Name, "give each hook a name of its own", "there are two hooks of this name")
		case len(h.Command) == 0 || h.Command[0] == "":
			l.reportf(ConfigFile, line, "hook", h.Name, "write what is to be run, such as `command: [./hooks/"+h.Name+"]`", "the hook has no command")
		case h.Timeout < 0 || h.Timeout > hookTimeout:
			l.reportf(ConfigFile, line, "hook", h.Name, "write a time up to 1m, such as 30s", "a timeout of %s is not possible", h.Timeout)
		}
		names = append(names, h.Name)
		if h.Timeout == 0 {
			h.Timeout = hookTimeout
		}
		l.project.Hooks = append(l.project.Hooks, Hook(h))
	}
}

// loadMaintenance finds the SQL files of the folder, which may be absent.
func (l *loader) loadMaintenance(dir string) {
	dir = l.inside(ConfigFile, lineOf(&l.config, "maintenance", 0), "maintenance", dir)
	files, err := filepath.Glob(filepath.Join(l.project.Abs(dir), "*.sql"))
	if err != nil {
		return // the folder's name is no pattern that can be read, and so has no files
	}
	for _, file := range files {
		l.project.Maintenance = append(l.project.Maintenance, path.Join(dir, filepath.Base(file)))
	}
	slices.Sort(l.project.Maintenance)
}
