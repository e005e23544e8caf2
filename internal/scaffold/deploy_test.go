package scaffold_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"gopkg.in/yaml.v3"
)

// workflow runs what the CI workflow runs, as its runner would.
func (p newProject) workflow(t *testing.T) {
	t.Helper()
	var workflow struct {
		Name        string
		On          map[string]any
		Permissions map[string]string
		Jobs        map[string]struct {
			RunsOn  string `yaml:"runs-on"`
			Timeout int    `yaml:"timeout-minutes"`
			Env     map[string]string
			Steps   []struct {
				Name, Uses, Run string
				With, Env       map[string]string
			}
		}
	}
	decode(t, p.read(t, ".github/workflows/ci.yml"), &workflow)
	ran := 0
	for _, name := range []string{"test", "specifications"} {
		for _, step := range workflow.Jobs[name].Steps {
			if step.Run != "" {
				p.run(t, "env", "BASE=HEAD", "bash", "-e", "-o", "pipefail", "-c", step.Run)
				ran++
			}
		}
	}
	if ran < 10 || len(workflow.Jobs) != 2 {
		t.Errorf("ran %d steps of %d jobs", ran, len(workflow.Jobs))
	}
	p.clean(t)
}

// decode refuses fields that there are not.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// instruction is one of a Dockerfile.
type instruction struct{ word, rest string }

var runFlag = regexp.MustCompile(`^--\S+\s+`)

// image builds the server as the Dockerfile says, and gives its path.
func (p newProject) image(t *testing.T) string {
	t.Helper()
	stages := dockerfile(p.read(t, "Dockerfile"))
	if len(stages) != 2 {
		t.Fatalf("%d stages", len(stages))
	}
	gomod, err := modfile.ParseLax("go.mod", []byte(p.read(t, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "golang:" + gomod.Go.Version[:strings.LastIndex(gomod.Go.Version, ".")] + " AS build"; stages[0][0].rest != want {
		t.Errorf("builds from %s, but go.mod wants %s", stages[0][0].rest, want)
	}
	out := t.TempDir()
	for _, i := range stages[0] {
		if i.word != "RUN" {
			continue
		}
		command := i.rest
		for runFlag.MatchString(command) {
			command = runFlag.ReplaceAllString(command, "")
		}
		p.run(t, "sh", "-e", "-c", strings.ReplaceAll(command, "/out/", out+"/"))
	}
	last := map[string]string{}
	copies := []string{}
	for _, i := range stages[1] {
		if i.word == "COPY" {
			copies = append(copies, i.rest)
		}
		last[i.word] = i.rest
	}
	if last["FROM"] != "scratch" || last["USER"] != "65532:65532" || last["ENTRYPOINT"] != `["/server"]` {
		t.Errorf("the image: %v", last)
	}
	if !slices.Contains(copies, "--from=build /out/ /") || len(copies) != 2 {
		t.Errorf("the image holds %v", copies)
	}
	if info, err := os.Stat(filepath.Join(out, "tmp")); err != nil || info.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("the image has no folder for temporary files that all may write to: %v", err)
	}
	server := filepath.Join(out, "server")
	if kind := p.run(t, "go", "version", "-m", server); !strings.Contains(kind, "CGO_ENABLED=0") || strings.Contains(kind, "sqlc") {
		t.Errorf("the binary is not static, or holds the tool:\n%s", kind)
	}
	return server
}

// dockerfile splits a Dockerfile into its stages.
func dockerfile(text string) (stages [][]instruction) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
		case word == "FROM":
			stages = append(stages, []instruction{{word, rest}})
		default:
			stages[len(stages)-1] = append(stages[len(stages)-1], instruction{word, strings.Join(strings.Fields(rest), " ")})
		}
	}
	return stages
}

// knativeService is what Cloud Run reads of a service's description.
type knativeService struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   metadata
	Spec       struct {
		Template struct {
			Metadata metadata
			Spec     struct {
				ServiceAccountName   string `yaml:"serviceAccountName"`
				ContainerConcurrency int    `yaml:"containerConcurrency"`
				TimeoutSeconds       int    `yaml:"timeoutSeconds"`
				Containers           []container
			}
		}
		Traffic []struct {
			Percent        int
			LatestRevision bool `yaml:"latestRevision"`
		}
	}
}

type metadata struct {
	Name        string
	Annotations map[string]string
}

type container struct {
	Image string
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	Resources     struct{ Limits map[string]string }
	Env           []variable
	StartupProbe  probe `yaml:"startupProbe"`
	LivenessProbe probe `yaml:"livenessProbe"`
}

type variable struct {
	Name      string
	Value     string
	ValueFrom struct {
		SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

type probe struct {
	HTTPGet          struct{ Path string } `yaml:"httpGet"`
	PeriodSeconds    int                   `yaml:"periodSeconds"`
	TimeoutSeconds   int                   `yaml:"timeoutSeconds"`
	FailureThreshold int                   `yaml:"failureThreshold"`
}

// description reads deploy/cloudrun.yaml.
func (p newProject) description(t *testing.T) knativeService {
	t.Helper()
	var s knativeService
	decode(t, p.read(t, "deploy/cloudrun.yaml"), &s)
	return s
}

func (p newProject) cloudRun(t *testing.T) {
	t.Helper()
	s := p.description(t)
	template := s.Spec.Template
	if s.APIVersion != "serving.knative.dev/v1" || s.Kind != "Service" || s.Metadata.Name != serviceName || len(template.Spec.Containers) != 1 {
		t.Fatalf("the service: %+v", s)
	}
	for _, name := range []string{"autoscaling.knative.dev/minScale", "autoscaling.knative.dev/maxScale", "run.googleapis.com/cloudsql-instances"} {
		if template.Metadata.Annotations[name] == "" {
			t.Errorf("no %s", name)
		}
	}
	c := template.Spec.Containers[0]
	if template.Spec.ContainerConcurrency <= 0 || len(c.Ports) != 1 || c.Resources.Limits["cpu"] == "" || c.Resources.Limits["memory"] == "" {
		t.Errorf("concurrency, port or limits: %+v", template.Spec)
	}
	if c.StartupProbe.HTTPGet.Path != "/readyz" || c.LivenessProbe.HTTPGet.Path != "/healthz" {
		t.Errorf("probes: %+v, %+v", c.StartupProbe, c.LivenessProbe)
	}
	secrets := []string{}
	for _, v := range c.Env {
		if v.ValueFrom.SecretKeyRef.Name != "" {
			secrets = append(secrets, v.Name)
		}
	}
	if !slices.Equal(secrets, []string{"DATABASE_URL", "SECRET_KEYS"}) {
		t.Errorf("secrets: %v", secrets)
	}
}
