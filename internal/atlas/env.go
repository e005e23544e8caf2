package atlas

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ariga.io/atlas/schemahcl"
	"github.com/zclconf/go-cty/cty"

	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// The following types are what Atlas's reader fills. What they leave out stays
// in their DefaultExtension.
type (
	fileSpec struct {
		schemahcl.DefaultExtension

		Envs []*envSpec `spec:"env"`
		Diff *diffSpec  `spec:"diff"`
	}
	envSpec struct {
		schemahcl.DefaultExtension

		Name    string       `spec:"name,name"`
		URL     string       `spec:"url"`
		Dev     string       `spec:"dev"`
		Schemas []string     `spec:"schemas"`
		Exclude []string     `spec:"exclude"`
		Schema  *srcSpec     `spec:"schema"`
		Diff    *diffSpec    `spec:"diff"`
		Rollout *rolloutSpec `spec:"rollout"`
	}
	srcSpec  struct{ schemahcl.DefaultExtension }
	diffSpec struct {
		schemahcl.DefaultExtension

		Concurrent *concurrentSpec `spec:"concurrent_index"`
		Skip       *skipSpec       `spec:"skip"`
	}
	concurrentSpec struct {
		Create bool `spec:"create"`
		Add    bool `spec:"add"` // Atlas takes both words.
		Drop   bool `spec:"drop"`
	}
	skipSpec    struct{ schemahcl.DefaultExtension }
	rolloutSpec struct{ schemahcl.DefaultExtension }
)

// env evaluates the blocks of one env. None is fine, and then the defaults hold.
func (l *loader) env(name string, forEach bool) []*envSpec {
	var file fileSpec
	l.evaluate(name, forEach, &file)
	var envs []*envSpec
	for _, e := range file.Envs {
		if e.Name != name {
			continue
		}
		// As Atlas has it: the file's policy fills what the env leaves open.
		if e.Diff == nil {
			e.Diff = file.Diff
		} else if e.Diff.Skip == nil && file.Diff != nil {
			e.Diff.Skip = file.Diff.Skip
		}
		envs = append(envs, e)
	}
	if len(envs) > 1 && !forEach {
		l.reportf(l.lineOf(name, ""), "duplicate-env", name, "keep one", "there are %d blocks `env %q`", len(envs), name)
	}
	return envs
}

// convert makes an Env of what was read. Of several, which for_each makes, all
// but the URLs are the same.
func (l *loader) convert(specs []*envSpec, env Env) Env {
	if len(specs) == 0 {
		return env
	}
	spec := specs[0]
	if spec.Schemas != nil {
		env.Schemas = spec.Schemas
	}
	env.Exclude = spec.Exclude
	env.URL = l.database(env.Name, "url", spec.URL)
	env.Dev = l.database(env.Name, "dev", spec.Dev)
	if src := l.sources(env.Name, spec); src != nil {
		if own := env.Src; len(own) > 0 && !slices.Contains(src, own[0]) && len(l.found) == 0 {
			l.reportf(l.lineOf(env.Name, "src"), "src", env.Name, "name "+own[0]+" here, or another file there",
				"src does not hold %s, which %s makes the desired state", own[0], project.ConfigFile)
		}
		env.Src = src
	}
	env.Diff = l.policy(env.Name, spec.Diff)
	if l.options.ForEach {
		for _, s := range specs {
			if u, err := url.Parse(s.URL); err == nil && u.Query().Get("search_path") != "" {
				env.ForEach = append(env.ForEach, u.Query().Get("search_path"))
			}
		}
	}
	return env
}

// database checks a URL and takes its search_path away. One of an environment
// variable that isn't set is empty, or nothing but parameters.
func (l *loader) database(env, attr, value string) string {
	u, err := url.Parse(value)
	switch {
	case err != nil:
		// The URL isn't quoted: it may hold a password.
		l.reportf(l.lineOf(env, attr), "url", env+"."+attr, "write it as postgres://user@host/database, with special characters escaped", "the value is not a URL")
		return ""
	case u.Scheme == "" && u.Host == "" && u.Path == "":
		return ""
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		l.reportf(l.lineOf(env, attr), "url", env+"."+attr, "write it as postgres://user@host/database", "the value is not a URL of PostgreSQL")
		return ""
	}
	query := u.Query()
	query.Del("search_path")
	u.RawQuery = query.Encode()
	return u.String()
}

// sources lists the files of src, in its order; a folder stands for its *.sql.
func (l *loader) sources(env string, spec *envSpec) []string {
	attr, ok := spec.Attr("src")
	if !ok && spec.Schema != nil {
		attr, ok = spec.Schema.Attr("src")
	}
	if !ok {
		return nil
	}
	var list []string
	switch attr.V.Type() {
	case cty.String:
		list = []string{attr.V.AsString()}
	case cty.List(cty.String):
		for _, v := range attr.V.AsValueSlice() {
			list = append(list, v.AsString())
		}
	default:
		l.reportf(l.lineOf(env, "src"), "src", env, `write src = "file://schema/tenant.sql", or a list of such`, "src is neither a string nor a list of strings")
		return nil
	}
	var files []string
	for _, src := range list {
		found, err := l.source(src)
		if err != nil {
			l.reportf(l.lineOf(env, "src"), "src", env, "name SQL files of the project, relative to its folder", "src %q: %v", src, err)
		}
		files = append(files, found...)
	}
	return files
}

func (l *loader) source(src string) ([]string, error) {
	name, isFile := strings.CutPrefix(src, "file://")
	if !isFile && strings.Contains(src, "://") {
		return nil, errors.New("only file:// is a source of the desired state")
	}
	name = path.Clean(filepath.ToSlash(name))
	if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") {
		return nil, errors.New("it does not lie within the project")
	}
	info, err := os.Stat(l.project.Abs(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such file")
	case err != nil:
		return nil, err
	case !info.IsDir() && path.Ext(name) != ".sql":
		return nil, errors.New("it is no .sql file, and Bailiwick reads only SQL")
	case !info.IsDir():
		return []string{name}, nil
	}
	files, err := fs.Glob(os.DirFS(l.project.Abs(name)), "*.sql")
	if err == nil && len(files) == 0 {
		err = errors.New("the folder holds no .sql file")
	}
	for i, f := range files {
		files[i] = path.Join(name, f)
	}
	return files, err
}

// skippable are the changes that Atlas can be told to leave out, of those that
// occur within one schema's tables.
var skippable = []string{
	"add_column", "add_foreign_key", "add_index", "add_table", "drop_column", "drop_foreign_key", "drop_index",
	"drop_table", "modify_column", "modify_foreign_key", "modify_index", "modify_table",
}

// otherSkips are Atlas's names for what its free edition never plans.
var otherSkips = []string{
	"add_func", "add_proc", "add_schema", "add_trigger", "add_view", "drop_func", "drop_proc", "drop_schema",
	"drop_trigger", "drop_view", "modify_func", "modify_proc", "modify_schema", "modify_trigger", "modify_view",
	"rename_func", "rename_proc", "rename_table", "rename_trigger", "rename_view",
}

func (l *loader) policy(env string, spec *diffSpec) Policy {
	var p Policy
	if spec == nil {
		return p
	}
	if c := spec.Concurrent; c != nil {
		p.ConcurrentIndex = ConcurrentIndex{Create: c.Create || c.Add, Drop: c.Drop}
	}
	if spec.Skip == nil {
		return p
	}
	for _, attr := range spec.Skip.Extra.Attrs {
		on, err := attr.Bool()
		switch known := slices.Contains(skippable, attr.K); {
		case err != nil:
			l.reportf(l.lineOf(env, "diff.skip."+attr.K), "skip", env, "write true or false", "diff.skip.%s is no boolean", attr.K)
		case !known && !slices.Contains(otherSkips, attr.K):
			l.reportf(l.lineOf(env, "diff.skip."+attr.K), "skip", env, nearest(attr.K, skippable), "diff.skip knows no %s", attr.K)
		case on && known:
			p.Skip = append(p.Skip, attr.K)
		case on:
			l.reportf(l.lineOf(env, "diff.skip."+attr.K), "skip", env, "take the line out: what the schema's files say of it is always planned",
				"Bailiwick can't leave out %s", attr.K)
		}
	}
	slices.Sort(p.Skip)
	return p
}

// choose returns the deployment that env "tenant" names, or the only one, or
// the default.
func (l *loader) choose(all []Deployment, tenant []*envSpec) Deployment {
	name := ""
	if len(tenant) > 0 && tenant[0].Rollout != nil {
		if attr, ok := tenant[0].Rollout.Attr("deployment"); ok {
			name = deploymentName(attr)
		}
	}
	for _, d := range all {
		if d.Name == name {
			return d
		}
	}
	switch {
	case len(all) == 0:
		return DefaultDeployment()
	case len(all) > 1:
		l.reportf(all[1].Line, "deployment", all[1].Name,
			fmt.Sprintf("write `rollout { deployment = deployment.%s }` into env %q, or keep one block", all[0].Name, EnvTenant),
			"there are %d deployments, and nothing says which one counts", len(all))
	}
	return all[0]
}

// deploymentName takes the name out of a reference, deployment.NAME or
// deployment["NAME"].
func deploymentName(attr *schemahcl.Attr) string {
	ref, err := attr.Ref()
	if err != nil {
		return ""
	}
	return strings.Trim(strings.TrimPrefix(ref, "$deployment"), `.[]"`)
}
