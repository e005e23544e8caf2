package atlas

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// The attributes of a group; the first five are Atlas Pro's.
const (
	attrMatch       = "match"
	attrOrderBy     = "order_by"
	attrParallel    = "parallel"
	attrOnError     = "on_error"
	attrDependsOn   = "depends_on"
	attrMaxFailures = "max_failures"
	attrPercent     = "percent"
	attrSoak        = "soak"
)

// examples gives each attribute a value.
var examples = map[string]string{
	attrMatch: `["canary"]`, attrOrderBy: `"slug"`, attrParallel: `4`, attrOnError: `"CONTINUE"`, attrDependsOn: `["canary"]`,
	attrMaxFailures: `"2%"`, attrPercent: `10`, attrSoak: `"30s"`,
}

// deployments reads the deployment blocks from the syntax tree: Atlas's reader
// knows no lines, and evaluates what is not a literal.
func (l *loader) deployments(body *hclsyntax.Body) []Deployment {
	var all []Deployment
	for _, b := range body.Blocks {
		if b.Type != "deployment" {
			continue
		}
		d := Deployment{Line: b.DefRange().Start.Line}
		if len(b.Labels) != 1 {
			l.reportf(d.Line, "deployment", "", `write deployment "NAME" { ... }`, "a deployment has one label, its name")
			continue
		}
		d.Name = b.Labels[0]
		if slices.ContainsFunc(all, func(o Deployment) bool { return o.Name == d.Name }) {
			l.reportf(d.Line, "deployment", d.Name, "give each a name of its own", "there are two deployments of this name")
		}
		for name, attr := range b.Body.Attributes {
			l.reportf(attr.SrcRange.Start.Line, "unknown-attribute", d.Name, "write it into a group", "a deployment has no attribute %s", name)
		}
		sound := len(l.found)
		for _, g := range b.Body.Blocks {
			l.group(&d, g)
		}
		if len(l.found) == sound {
			l.checkDeployment(d)
		}
		all = append(all, d)
	}
	return all
}

func (l *loader) group(d *Deployment, b *hclsyntax.Block) {
	line := b.DefRange().Start.Line
	if b.Type == "variable" {
		l.reportf(line, "literal", d.Name, "write values as literals into the groups",
			"variables of a deployment are Atlas Pro's, and its free command line refuses them")
		return
	}
	if b.Type != "group" {
		l.reportf(line, "unknown-block", d.Name, nearest(b.Type, []string{"group"}), "a deployment has no block %s", b.Type)
		return
	}
	if len(b.Labels) != 1 {
		l.reportf(line, "group", d.Name, `write group "NAME" { ... }`, "a group has one label, its name")
		return
	}
	g := newGroup(b.Labels[0])
	g.Line = line
	for _, inner := range b.Body.Blocks {
		l.reportf(inner.DefRange().Start.Line, "unknown-block", g.Name, "take it out", "a group has no block %s", inner.Type)
	}
	for _, name := range sortedKeys(b.Body.Attributes) {
		attr := &attribute{Attribute: b.Body.Attributes[name], loader: l, group: g.Name}
		if examples[name] == "" {
			attr.reportf("unknown-attribute", nearest(name, sortedKeys(examples)), "a group has no attribute %s", name)
			continue
		}
		if v, ok := attr.literal(); ok {
			g.set(attr, v)
		}
	}
	if g.OnError == OnErrorContinue && b.Body.Attributes[attrMaxFailures] == nil {
		g.MaxFailures = Budget{Unlimited: true} // As Atlas has it.
	}
	if g.OnError == OnErrorFail && g.MaxFailures != (Budget{}) {
		l.reportf(line, "on-error", g.Name, `write on_error = "CONTINUE", or leave max_failures out`,
			"max_failures has no effect unless on_error is CONTINUE")
	}
	d.Groups = append(d.Groups, g)
}

// set takes over one attribute.
func (g *Group) set(a *attribute, v cty.Value) {
	switch a.Name {
	case attrMatch:
		g.Match = a.words(v)
		if g.Match != nil && len(g.Match) == 0 {
			a.reportf(attrMatch, "name rings, or leave match out to have all that remain", "match is empty")
		}
	case attrOrderBy:
		g.OrderBy = a.oneOf(v, OrderBySlug, OrderByCreatedAt)
	case attrOnError:
		g.OnError = a.oneOf(v, OnErrorFail, OnErrorContinue)
	case attrDependsOn:
		g.DependsOn = a.words(v)
	case attrParallel:
		n := a.number(v, 1, 1000) // More connections than any server has.
		g.Parallel = int(n)
		if n != float64(g.Parallel) {
			a.reportf(attrParallel, "write a whole number", "parallel is no whole number")
		}
	case attrPercent:
		g.Percent = a.number(v, 0.01, 100)
	case attrSoak:
		g.Soak = a.duration(v)
	case attrMaxFailures:
		g.MaxFailures = a.budget(v)
	}
}

// attribute is one of a group, with what is needed to complain of it.
type attribute struct {
	*hclsyntax.Attribute

	loader *loader
	group  string
}

func (a *attribute) reportf(rule, mend, format string, args ...any) {
	a.loader.reportf(a.SrcRange.Start.Line, rule, a.group, mend, format, args...)
}

// literal returns the attribute's value if it needs neither variables nor
// functions.
func (a *attribute) literal() (cty.Value, bool) {
	mend := "write the value itself; a word needs quotes, as in " + examples[a.Name]
	if refs := a.Expr.Variables(); len(refs) > 0 {
		word := refs[0].RootName()
		a.reportf("literal", mend, "%s refers to %s, and Atlas's command line refuses what is not a literal here", a.Name, word)
		return cty.NilVal, false
	}
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() {
		a.reportf("literal", mend, "%s calls for an evaluation, and Atlas's command line refuses what is not a literal here", a.Name)
		return cty.NilVal, false
	}
	if v.IsNull() || !v.IsWhollyKnown() {
		a.reportf("literal", "leave the attribute out, or give it a value", "%s is null", a.Name)
		return cty.NilVal, false
	}
	return v, true
}

// text reads a string; ok is false when it was something else, which has been
// reported.
func (a *attribute) text(v cty.Value) (s string, ok bool) {
	if v.Type() != cty.String {
		a.reportf("type", "write it as "+examples[a.Name], "%s is no string", a.Name)
		return "", false
	}
	return v.AsString(), true
}

func (a *attribute) duration(v cty.Value) time.Duration {
	s, ok := a.text(v)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		a.reportf(attrSoak, `write it as "30s", "10m" or "1h30m"`, "%s is %q, which is no length of time", a.Name, s)
	}
	return d
}

// words reads a string, or a list of strings; nil stands for what is neither.
func (a *attribute) words(v cty.Value) []string {
	if v.Type() == cty.String {
		return []string{v.AsString()}
	}
	words := []string{}
	if !v.CanIterateElements() || v.Type().IsObjectType() {
		a.reportf("type", "write it as "+examples[a.Name], "%s is no list of strings", a.Name)
		return nil
	}
	for _, e := range v.AsValueSlice() {
		if e.IsNull() || e.Type() != cty.String {
			a.reportf("type", "write it as "+examples[a.Name], "%s is no list of strings", a.Name)
			return nil
		}
		if slices.Contains(words, e.AsString()) {
			a.reportf("duplicate", "name it once", "%s holds %q twice", a.Name, e.AsString())
			continue
		}
		words = append(words, e.AsString())
	}
	return words
}

func (a *attribute) oneOf(v cty.Value, words ...string) string {
	s, ok := a.text(v)
	if ok && !slices.Contains(words, s) {
		a.reportf("value", nearest(s, words), "%s is %q, which means nothing", a.Name, s)
	}
	return s
}

func (a *attribute) number(v cty.Value, low, high float64) float64 {
	if v.Type() != cty.Number {
		a.reportf("type", "write it as "+examples[a.Name], "%s is no number", a.Name)
		return low
	}
	f, _ := v.AsBigFloat().Float64()
	if f < low || f > high {
		a.reportf("range", fmt.Sprintf("write a number from %g to %g", low, high), "%s is %g", a.Name, f)
		return low
	}
	return f
}

func (a *attribute) budget(v cty.Value) Budget {
	var s string
	if v.Type() == cty.Number {
		s = v.AsBigFloat().Text('f', -1)
	} else if text, ok := a.text(v); ok {
		s = text
	} else {
		return Budget{}
	}
	b, err := ParseBudget(s)
	if err != nil {
		a.reportf("max-failures", `write a count such as "5", or a share such as "2%"`, "max_failures is %q", s)
	}
	return b
}

// checkDeployment checks what the groups are to each other.
func (l *loader) checkDeployment(d Deployment) {
	if len(d.Groups) == 0 {
		l.reportf(d.Line, "deployment", d.Name, `write at least group "all" {}`, "the deployment has no group")
		return
	}
	names, rings, all := map[string]Group{}, map[string]string{}, ""
	for _, g := range d.Groups {
		if first, twice := names[g.Name]; twice {
			l.reportf(g.Line, "duplicate-group", g.Name, "give each group a name of its own", "line %d has a group of this name already", first.Line)
		}
		names[g.Name] = g
		if all != "" {
			l.reportf(g.Line, "unreachable-group", g.Name, fmt.Sprintf("move it above group %q, or give that one a match", all),
				"group %q stands above it and takes all tenants, so none is left", all)
			continue
		}
		for _, ring := range g.Match {
			if first := rings[ring]; first != "" {
				l.reportf(g.Line, "matched-twice", g.Name, "name the ring in one group", "group %q matches ring %q already", first, ring)
			}
			rings[ring] = g.Name
		}
		if len(g.Match) == 0 {
			all = g.Name
		}
	}
	if all == "" {
		l.reportf(d.Line, "no-rest", d.Name, `add a last group without match, such as group "rest" {}`,
			"tenants of other rings than these are in no group and would never get a change")
	}
	l.checkDependencies(d, names)
}

func (l *loader) checkDependencies(d Deployment, names map[string]Group) {
	known := make([]string, len(d.Groups))
	for i, g := range d.Groups {
		known[i] = g.Name
	}
	unknown := false
	for _, g := range d.Groups {
		for _, on := range g.DependsOn {
			if _, ok := names[on]; !ok {
				unknown = true
				l.reportf(g.Line, "unknown-group", g.Name, nearest(on, known), "depends_on names %q, and there is no such group", on)
			}
		}
	}
	order := d.Order()
	if unknown || len(order) == len(names) {
		return
	}
	var circle []string
	line := 0
	for i, g := range d.Groups {
		if !slices.Contains(order, i) {
			circle, line = append(circle, g.Name), max(line, g.Line)
		}
	}
	l.reportf(line, "cycle", d.Name, "take one depends_on out", "the groups %s wait for each other", strings.Join(circle, ", "))
}
