package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/bailiwick-dev/bailiwick/internal/codegen"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

const (
	projectArea = "project"
	// runtimeModule is the module of the runtime, and of this tool.
	runtimeModule = "github.com/bailiwick-dev/bailiwick"
)

// site is a project under examination.
type site struct {
	Options

	project *project.Project
	env     goEnv
}

// goEnv is what the go command says of itself in the project's folder.
type goEnv struct {
	GOVERSION  string
	GOMOD      string
	CGOENABLED string `json:"CGO_ENABLED"`
	CC         string
}

var projectChecks = []struct {
	name string
	run  func(context.Context, *site) ([]outcome, error)
}{
	{"c-compiler", checkCompiler},
	{"runtime-version", checkRuntimeVersion},
	{"lint", checkLint},
	{"generated", checkGenerated},
	{"ignored-files", checkIgnored},
}

func examineProject(ctx context.Context, o Options) Report {
	s := &site{Options: o}
	var report Report
	outcomes, err := s.readGo(ctx)
	goFound := findings(projectArea, "go", outcomes, err)
	report = append(report, goFound...)
	outcomes, err = s.load()
	report = append(report, findings(projectArea, "files", outcomes, err)...)
	if s.project == nil || goFound[0].Status == Fail {
		return append(report, findings(projectArea, "rest", skipf("mend the above first"), nil)...)
	}
	for _, check := range projectChecks {
		outcomes, err := check.run(ctx, s)
		report = append(report, findings(projectArea, check.name, outcomes, err)...)
	}
	return report
}

// readGo asks the go command about itself. In the project's folder it also says
// when it is too old for the project and may not fetch a newer one.
func (s *site) readGo(ctx context.Context) ([]outcome, error) {
	const mend = "install Go from https://go.dev/dl, or unset GOTOOLCHAIN so that go fetches what go.mod asks for"
	out, err := command(ctx, s.Dir, "go", "env", "-json", "GOVERSION", "GOMOD", "CGO_ENABLED", "CC")
	if err != nil {
		return failf(mend, "the go command does not work here: %s", oneLine(err)), nil
	}
	if err := json.Unmarshal(out, &s.env); err != nil {
		return nil, fmt.Errorf("read go env: %w", err)
	}
	// `go env` works for any go.mod; whether this Go may build it, go list says.
	if _, err := command(ctx, s.Dir, "go", "list", "-m"); err != nil && filepath.Base(s.env.GOMOD) == "go.mod" {
		return failf(mend, "the go command does not work here: %s", oneLine(err)), nil
	}
	return okf("%s", s.env.GOVERSION), nil
}

// load reads the project's own description: bailiwick.yaml, sqlc.yaml and the
// files that these name.
func (s *site) load() ([]outcome, error) {
	p, err := project.Load(s.Dir)
	if list, ok := errors.AsType[diag.List](err); ok {
		return fromDiagnostics(list), nil
	}
	if err != nil {
		return nil, err
	}
	s.project = p
	return okf("%s, %s and %d more are there", p.OpenAPI, project.SQLCFile, len(p.Inputs())-2), nil
}

func fromDiagnostics(list diag.List) []outcome {
	outcomes := make([]outcome, len(list))
	for i, d := range list {
		where := d.File
		if d.Line > 0 {
			where = fmt.Sprintf("%s:%d", d.File, d.Line)
		}
		outcomes[i] = outcome{Fail, fmt.Sprintf("%s: %s [%s]", where, d.Message, d.Rule), d.Mend}
	}
	return outcomes
}

// checkCompiler: the tool has C in it, the services that it generates have not.
func checkCompiler(_ context.Context, s *site) ([]outcome, error) {
	const mend = "install gcc or clang, and leave CGO_ENABLED unset; services need neither"
	if s.env.CGOENABLED != "1" {
		return warnf(mend, "CGO_ENABLED is %s, so `go generate` and `go run` cannot build this tool", s.env.CGOENABLED), nil
	}
	cc, _, _ := strings.Cut(s.env.CC, " ")
	if _, err := exec.LookPath(cc); err != nil {
		return warnf(mend, "there is no C compiler %q, so `go generate` and `go run` cannot build this tool", cc), nil //nolint:nilerr // that is the finding
	}
	return okf("%s", cc), nil
}

// checkRuntimeVersion: generated code and runtime are made for each other.
func checkRuntimeVersion(_ context.Context, s *site) ([]outcome, error) {
	data, err := os.ReadFile(s.env.GOMOD)
	if err != nil {
		return nil, err
	}
	mod, err := modfile.Parse(s.env.GOMOD, data, nil)
	if err != nil {
		return nil, err
	}
	if mod.Module != nil && mod.Module.Mod.Path == runtimeModule {
		return okf("this is the runtime's own project"), nil
	}
	for _, r := range mod.Replace {
		if r.Old.Path == runtimeModule {
			return warnf("remove the replace line before you publish the project", "go.mod replaces the runtime by %s, so versions cannot be compared", r.New.Path), nil
		}
	}
	return compareVersions(requiredVersion(mod), s.Version), nil
}

func requiredVersion(mod *modfile.File) string {
	for _, r := range mod.Require {
		if r.Mod.Path == runtimeModule {
			return r.Mod.Version
		}
	}
	return ""
}

func compareVersions(required, tool string) []outcome {
	switch {
	case required == "":
		return failf("go get "+runtimeModule, "go.mod does not require the runtime, %s", runtimeModule)
	case required == tool:
		return okf("runtime and tool are %s", tool)
	case !released(tool):
		return warnf("use a released tool, or run it as `go run "+runtimeModule+"/cmd/bailiwick` in the project",
			"this tool is the development build %s, and go.mod requires the runtime %s", tool, required)
	}
	return failf("go get "+runtimeModule+"@"+tool+" && go generate ./...",
		"go.mod requires the runtime %s, and this tool is %s: their generated code may differ", required, tool)
}

func released(version string) bool {
	return strings.HasPrefix(version, "v") && !module.IsPseudoVersion(version) && !strings.Contains(version, "+dirty")
}

func checkLint(_ context.Context, s *site) ([]outcome, error) {
	list, err := lint.Project(s.project)
	if err != nil {
		return nil, err
	}
	return orOK(fromDiagnostics(list.Errors()), "nothing is refused, %d allowed", len(list.Allowed())), nil
}

// checkGenerated generates in a scratch folder and compares.
func checkGenerated(ctx context.Context, s *site) ([]outcome, error) {
	result, err := codegen.Run(ctx, codegen.Options{Dir: s.Dir, SQLC: s.SQLC, Check: true})
	if list, ok := errors.AsType[diag.List](err); ok {
		return fromDiagnostics(list), nil
	}
	if err != nil {
		return nil, err
	}
	var stale []string
	for _, o := range result.Outputs {
		if len(o.Changed) > 0 {
			stale = append(stale, o.Dir)
		}
	}
	if len(stale) > 0 {
		return failf("go generate ./...", "%s would change: the specifications are newer", sample(stale)), nil
	}
	return okf("the generated code is up to date"), nil
}

// checkIgnored: generated code belongs into version control, and scratch folders
// do not.
func checkIgnored(ctx context.Context, s *site) ([]outcome, error) {
	if _, err := command(ctx, s.project.Root, "git", "rev-parse", "--git-dir"); err != nil {
		return skipf("the project is not in a git repository"), nil //nolint:nilerr // that is the finding
	}
	var problems []outcome
	if !ignored(ctx, s.project, ".bailiwick/x") {
		problems = append(problems, warnf("echo /.bailiwick/ >> .gitignore", "git does not ignore .bailiwick, in which `go generate` works")...)
	}
	for _, dir := range s.project.Outputs() {
		if ignored(ctx, s.project, dir+"/x.go") {
			problems = append(problems, warnf("remove the line from .gitignore and check the folder in, so that reviews show what changes",
				"git ignores the generated code in %s", dir)...)
		}
	}
	return orOK(problems, ".bailiwick is ignored, generated code is not"), nil
}

func ignored(ctx context.Context, p *project.Project, rel string) bool {
	_, err := command(ctx, p.Root, "git", "check-ignore", "-q", "--no-index", filepath.FromSlash(rel))
	return err == nil
}

// command runs a program in a folder; an error has what it said.
func command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return nil, fmt.Errorf("%s: %w", strings.TrimSpace(string(exit.Stderr)), err)
	}
	return out, err
}
