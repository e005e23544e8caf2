package project

import (
	"bytes"
	"errors"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// config is bailiwick.yaml. Absent fields keep their defaults.
type config struct {
	Version  int    `yaml:"version"`
	OpenAPI  string `yaml:"openapi"`
	API      string `yaml:"api"`
	Handlers string `yaml:"handlers"`
	Client   string `yaml:"client"`
	// Announced lists the breaking changes of the API that are meant.
	Announced string `yaml:"announced"`
	// Maintenance is the folder of the operators' own queries.
	Maintenance string       `yaml:"maintenance"`
	Hooks       []configHook `yaml:"hooks"`
	Tenant      configScope  `yaml:"tenant"`
	Public      configScope  `yaml:"public"`
	Vet         configVet    `yaml:"vet"`
}

type configVet struct {
	// Database lists the packages that may open connections of their own.
	Database []string `yaml:"database"`
}

type configScope struct {
	Schema string `yaml:"schema"`
}

func defaultConfig() config {
	return config{
		Version:     1,
		OpenAPI:     "openapi.yaml",
		API:         "gen/api",
		Handlers:    "gen/handlers",
		Announced:   "docs/announced-changes.txt",
		Maintenance: "queries/maintenance",
		Tenant:      configScope{Schema: "schema/tenant.sql"},
		Public:      configScope{Schema: "schema/public.sql"},
	}
}

// loadConfig reads bailiwick.yaml, which may be absent.
func (l *loader) loadConfig() config {
	c := defaultConfig()
	data := l.read(ConfigFile, "")
	if err := yaml.Unmarshal(data, &l.config); err != nil {
		l.config = yaml.Node{} // the decoder says the same in other words
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		l.reportYAML(ConfigFile, err)
	}
	if c.Version != 1 {
		l.reportf(ConfigFile, 1, "config-version", "version", "write `version: 1`", "version %d is not known", c.Version)
	}
	l.project.OpenAPI = l.inside(ConfigFile, lineOf(&l.config, "openapi", 0), "openapi", c.OpenAPI)
	l.project.Announced = l.inside(ConfigFile, lineOf(&l.config, "announced", 0), "announced", c.Announced)
	l.loadMaintenance(c.Maintenance)
	l.loadHooks(c.Hooks)
	for _, output := range []struct {
		to          *string
		name, value string
	}{{&l.project.API, "api", c.API}, {&l.project.Handlers, "handlers", c.Handlers}, {&l.project.Client, "client", c.Client}} {
		if output.name == "client" && output.value == "" {
			continue // A project need not have one.
		}
		line := lineOf(&l.config, output.name, 0)
		*output.to = l.inside(ConfigFile, line, output.name, output.value)
		l.importable(ConfigFile, line, output.name, *output.to)
	}
	l.project.Database = l.folders("database", c.Vet.Database)
	if !l.exists(l.project.OpenAPI) {
		l.reportf(l.project.OpenAPI, 0, "missing-file", "", "write the document, or name it as `openapi` in "+ConfigFile, "there is no such file")
	}
	return c
}

// folders cleans a list of folders; one that ends in /... means those below it too.
func (l *loader) folders(field string, list []string) []string {
	var clean []string //nolint:prealloc // No list stays nil.
	for _, given := range list {
		dir, below := strings.CutSuffix(given, "/...")
		dir = l.inside(ConfigFile, lineOf(&l.config, field, 0), field, dir)
		if below {
			dir += "/..."
		}
		clean = append(clean, dir)
	}
	return clean
}

// inside cleans a path and insists that it stays within the project.
func (l *loader) inside(file string, line int, field, value string) string {
	clean := path.Clean(strings.ReplaceAll(value, `\`, "/"))
	if value == "" || outside(clean) {
		l.reportf(file, line, "path", field, "name a path below the project's folder, relative to it", "%q does not lie within the project", value)
	}
	return clean
}

func outside(clean string) bool {
	return path.IsAbs(clean) || clean == "." || clean == ".." || strings.HasPrefix(clean, "../")
}

// checkOutputs refuses output folders that contain each other or an input,
// because generation replaces each of them as a whole.
func (l *loader) checkOutputs() {
	if l.project.Tenant == nil {
		return
	}
	outputs := l.project.Outputs()
	for i, a := range outputs {
		for _, b := range outputs[i+1:] {
			if within(a, b) || within(b, a) {
				l.reportf(ConfigFile, 0, "output-overlap", b, "give every output a folder of its own", "the output folders %s and %s overlap", a, b)
			}
		}
		for _, in := range l.project.Inputs() {
			if within(in, a) {
				l.reportf(in, 0, "output-overlap", a, "move the file, or the output", "the file lies in an output folder, which generation replaces as a whole")
			}
		}
	}
}

// Inputs lists every file that generation reads, without duplicates.
func (p *Project) Inputs() []string {
	files := []string{SQLCFile, p.OpenAPI}
	if p.OAPICodegen != "" {
		files = append(files, p.OAPICodegen)
	}
	seen := map[string]bool{}
	for _, s := range p.Scopes() {
		for _, list := range [][]string{s.Schema, s.Queries} {
			for _, f := range list {
				if !seen[f] {
					seen[f] = true
					files = append(files, f)
				}
			}
		}
	}
	return files
}

func within(file, dir string) bool {
	return file == dir || strings.HasPrefix(file, dir+"/")
}

var unknownField = regexp.MustCompile(`^field (\S+) not found in type `)

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// reportYAML splits a reader's error into one finding for each line of the file.
func (l *loader) reportYAML(file string, err error) {
	messages := []string{err.Error()}
	if typeErr, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = typeErr.Errors
	}
	for _, message := range messages {
		line := 0
		if m := yamlLine.FindStringSubmatch(message); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				line, message = n, m[2]
			}
		}
		if m := unknownField.FindStringSubmatch(message); m != nil {
			message = "there is no field " + m[1]
		}
		l.reportf(file, line, "yaml", "", "mend the file", "%s", strings.TrimPrefix(message, "yaml: "))
	}
}
