package atlas

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"ariga.io/atlas/schemahcl"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// The words of Atlas's language that Load looks for.
const (
	blockEnv  = "env"
	blockData = "data"
	varAtlas  = "atlas" // Both the variable and a block of settings.
)

// Options say how atlas.hcl is read.
type Options struct {
	// Vars are values for its variable blocks, as of Atlas's --var name=value.
	Vars map[string]string
	// ForEach asks for the values of for_each. They come from a database as a
	// rule, which is not connected to otherwise.
	ForEach bool
	// Getenv is what the function getenv asks; nil means the environment.
	Getenv func(string) string
}

// Load reads the project's atlas.hcl, or returns the defaults where there is
// none. Whatever is wrong with the file comes back as a diag.List.
func Load(ctx context.Context, p *project.Project, o Options) (*Config, error) {
	src, err := os.ReadFile(p.Abs(File))
	if errors.Is(err, fs.ErrNotExist) {
		return defaults(p), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", File, err)
	}
	return Parse(ctx, p, src, o)
}

// Parse reads src as the project's atlas.hcl.
//
// The blocks are Atlas's own. Of each env it takes src, url, dev, schemas,
// exclude, for_each, diff and rollout; all else is Atlas's affair and not
// looked at. The deployment block has the attributes of Atlas Pro's (group,
// match, order_by, parallel, on_error, depends_on) and four more. Atlas's
// command line reads past it as long as all its values are literals, so
// nothing else is accepted.
func Parse(ctx context.Context, p *project.Project, src []byte, o Options) (*Config, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	l := &loader{ctx: ctx, project: p, options: o, src: src}
	config := l.load()
	l.found.Sort()
	if err := l.found.Err(); err != nil {
		return nil, err
	}
	return config, nil
}

// defaults is what holds without an atlas.hcl.
func defaults(p *project.Project) *Config {
	return &Config{
		Public:     defaultEnv(p, EnvPublic),
		Tenant:     defaultEnv(p, EnvTenant),
		Deployment: DefaultDeployment(),
	}
}

func defaultEnv(p *project.Project, name string) Env {
	env := Env{Name: name, Schemas: []string{EnvPublic}}
	scope := p.Public
	if name == EnvTenant {
		env.Schemas, scope = nil, p.Tenant
	}
	if scope != nil && scope.OwnSchema != "" {
		env.Src = []string{scope.OwnSchema}
	}
	return env
}

// loader gathers findings while it reads one atlas.hcl.
type loader struct {
	ctx     context.Context //nolint:containedctx // For one call of Load.
	project *project.Project
	options Options
	src     []byte
	// lines has those of attributes and blocks, by paths such as "env.tenant.url".
	// Atlas's reader forgets them.
	lines map[string]int
	found diag.List
}

func (l *loader) load() *Config {
	config := defaults(l.project)
	config.File = File
	body := l.parse()
	if body == nil {
		return config
	}
	l.misspelt(body)
	deployments := l.deployments(body)
	if len(l.found) > 0 {
		return config // Atlas's reader would say the same in other words.
	}
	l.lines = map[string]int{}
	l.index("", body)
	public := l.env(EnvPublic, false)
	if len(l.found) > 0 {
		return config // What is wrong with the whole file is said once.
	}
	tenant := l.env(EnvTenant, l.options.ForEach)
	if len(l.found) > 0 {
		return config
	}
	config.Public = l.convert(public, config.Public)
	config.Tenant = l.convert(tenant, config.Tenant)
	config.Deployment = l.choose(deployments, tenant)
	return config
}

// parse returns a fresh syntax tree, since Atlas's reader changes the one that
// it is given.
func (l *loader) parse() *hclsyntax.Body {
	file, diags := hclparse.NewParser().ParseHCL(l.src, File)
	l.reportHCL(diags)
	if diags.HasErrors() {
		return nil
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		l.reportf(0, "hcl", "", "write it as HCL", "the file is not in HCL's own syntax")
	}
	return body
}

// index notes the lines of a body's attributes and blocks.
func (l *loader) index(path string, body *hclsyntax.Body) {
	for name, a := range body.Attributes {
		l.lines[path+name] = a.SrcRange.Start.Line
	}
	for _, b := range body.Blocks {
		inner := path + strings.Join(append([]string{b.Type}, b.Labels...), ".")
		l.lines[inner] = b.DefRange().Start.Line
		l.index(inner+".", b.Body)
	}
}

// lineOf is the line of an env's setting, which may stand in a block without a
// label, or beside the envs, or not at all.
func (l *loader) lineOf(env, path string) int {
	return cmp.Or(l.lines["env."+env+"."+path], l.lines["env."+path], l.lines[path], l.lines["env."+env])
}

func (l *loader) reportf(line int, rule, subject, mend, format string, args ...any) {
	l.found = append(l.found, diag.Diagnostic{
		File: File, Line: line, Rule: rule, Subject: subject, Mend: mend, Message: fmt.Sprintf(format, args...),
	})
}

const (
	mendHCL = "mend the file; Atlas's own command line refuses it too"
	// dataSummary begins the summary of what is wrong with a data source.
	dataSummary = "data."
)

// reportHCL reports what the reader of HCL found.
func (l *loader) reportHCL(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		line := 0
		if d.Subject != nil {
			line = d.Subject.Start.Line
		}
		rule, mend := "hcl", mendHCL
		if strings.HasPrefix(d.Summary, dataSummary) {
			rule, mend = blockData, "see to the block, or take out what refers to it"
		}
		l.reportf(line, rule, d.Summary, mend, "%s", sentence(d.Detail))
	}
}

// reportErr reports an error of Atlas's reader, which may hold places or none.
func (l *loader) reportErr(subject string, err error) {
	if diags, ok := errors.AsType[hcl.Diagnostics](err); ok {
		l.reportHCL(diags)
		return
	}
	l.reportf(0, varAtlas, subject, mendHCL, "%s", sentence(err.Error()))
}

// evaluate reads the file as Atlas's command line does for one env: with the
// blocks of that env only, and with its functions.
func (l *loader) evaluate(name string, forEach bool, into any) {
	parser := hclparse.NewParser()
	file, diags := parser.ParseHCL(l.src, File)
	body, ok := file.Body.(*hclsyntax.Body)
	if diags.HasErrors() || !ok {
		return // Said by parse.
	}
	options := []schemahcl.Option{
		schemahcl.WithContext(l.ctx),
		schemahcl.WithVariables(map[string]cty.Value{
			varAtlas: cty.ObjectVal(map[string]cty.Value{blockEnv: cty.StringVal(name)}),
		}),
		schemahcl.WithFunctions(l.functions()),
		schemahcl.WithScopedEnums("env.migration.format", "atlas", "flyway", "liquibase", "goose", "golang-migrate", "dbmate"),
		schemahcl.WithScopedEnums("env.migration.exec_order", "LINEAR", "LINEAR_SKIP", "NON_LINEAR"),
		schemahcl.WithScopedEnums("env.lint.review", "ALWAYS", "WARNING", "ERROR"),
		schemahcl.WithScopedEnums("lint.review", "ALWAYS", "WARNING", "ERROR"),
		schemahcl.WithDataSource("sql", l.dataSQL),
	}
	options = append(options, otherSources(body)...)
	body.Blocks = selected(body.Blocks, name)
	if !forEach {
		options = append(options, withoutForEach(body.Blocks))
	}
	if err := l.eval(schemahcl.New(options...), parser, into); err != nil {
		l.reportErr(name, err)
	}
}

// eval turns a panic of Atlas's reader into an error: it indexes into what the
// user wrote without a look at its length (`data.sql` without a name).
func (l *loader) eval(state *schemahcl.State, parser *hclparse.Parser, into any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the reader broke off: %v", r)
		}
	}()
	vars := map[string]cty.Value{}
	for name, value := range l.options.Vars {
		vars[name] = cty.StringVal(value)
	}
	return state.Eval(parser, into, vars)
}

// selected leaves out the blocks of other envs. An env without a label that is
// named after the one asked for, `name = atlas.env`, counts where no label does.
func selected(blocks hclsyntax.Blocks, name string) hclsyntax.Blocks {
	var labeled, unlabeled, others hclsyntax.Blocks
	for _, b := range blocks {
		switch {
		case b.Type == "atlas": // Its account; the name is taken by atlas.env.
		case b.Type != blockEnv:
			others = append(others, b)
		case len(b.Labels) == 1 && b.Labels[0] == name:
			labeled = append(labeled, b)
		case len(b.Labels) == 0:
			unlabeled = append(unlabeled, b)
		}
	}
	if len(labeled) == 0 {
		labeled = unlabeled
	}
	return slices.Concat(others, labeled)
}

// withoutForEach takes for_each out of the blocks and gives each.value a value
// all the same, so that the database behind it is not asked.
func withoutForEach(blocks hclsyntax.Blocks) schemahcl.Option {
	for _, b := range blocks {
		if b.Type == blockEnv {
			delete(b.Body.Attributes, "for_each")
		}
	}
	return schemahcl.WithVariables(map[string]cty.Value{
		"each": cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(""), "value": cty.StringVal("")}),
	})
}

// functions are those that Atlas's command line adds to the reader's own.
func (l *loader) functions() map[string]function.Function {
	root := l.project.Root
	return map[string]function.Function{
		"file":    schemahcl.MakeFileFunc(root),
		"glob":    schemahcl.MakeGlobFunc(root),
		"fileset": schemahcl.MakeFileSetFunc(root),
		"getenv": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "key", Type: cty.String}},
			Type:   function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				return cty.StringVal(l.options.Getenv(args[0].AsString())), nil
			},
		}),
	}
}
