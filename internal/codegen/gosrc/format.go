package gosrc

import (
	"go/ast"
	"strings"
)

// Format writes a type as it must be written in another package that imports
// this one under the name qualifier. With an empty qualifier, names stay as
// they are.
func (p *Package) Format(e ast.Expr, qualifier string) string {
	var b strings.Builder
	p.format(&b, e, qualifier)
	return b.String()
}

func (p *Package) format(b *strings.Builder, e ast.Expr, qualifier string) {
	switch t := e.(type) {
	case *ast.Ident:
		if _, local := p.Types[t.Name]; local && qualifier != "" {
			b.WriteString(qualifier + ".")
		}
		b.WriteString(t.Name)
	case *ast.SelectorExpr:
		b.WriteString(p.Format(t.X, "") + "." + t.Sel.Name)
	case *ast.StarExpr:
		b.WriteString("*" + p.Format(t.X, qualifier))
	case *ast.ParenExpr:
		p.format(b, t.X, qualifier)
	case *ast.Ellipsis:
		b.WriteString("..." + p.Format(t.Elt, qualifier))
	case *ast.ArrayType:
		b.WriteString("[" + p.Format(t.Len, qualifier) + "]" + p.Format(t.Elt, qualifier))
	case *ast.BasicLit:
		b.WriteString(t.Value)
	case *ast.MapType:
		b.WriteString("map[" + p.Format(t.Key, qualifier) + "]" + p.Format(t.Value, qualifier))
	case *ast.IndexExpr:
		b.WriteString(p.Format(t.X, qualifier) + "[" + p.Format(t.Index, qualifier) + "]")
	case *ast.IndexListExpr:
		p.formatIndices(b, t, qualifier)
	case *ast.InterfaceType:
		b.WriteString("any")
	case *ast.StructType:
		p.formatStruct(b, t, qualifier)
	case *ast.FuncType:
		b.WriteString("func")
		p.formatFunc(b, t, qualifier)
	}
}

func (p *Package) formatIndices(b *strings.Builder, t *ast.IndexListExpr, qualifier string) {
	indices := make([]string, len(t.Indices))
	for i, index := range t.Indices {
		indices[i] = p.Format(index, qualifier)
	}
	b.WriteString(p.Format(t.X, qualifier) + "[" + strings.Join(indices, ", ") + "]")
}

func (p *Package) formatStruct(b *strings.Builder, t *ast.StructType, qualifier string) {
	b.WriteString("struct {\n")
	for _, f := range t.Fields.List {
		for i, name := range f.Names {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(name.Name)
		}
		b.WriteString(" ")
		p.format(b, f.Type, qualifier)
		if f.Tag != nil {
			b.WriteString(" " + f.Tag.Value)
		}
		b.WriteString("\n")
	}
	b.WriteString("}")
}

func (p *Package) formatFunc(b *strings.Builder, t *ast.FuncType, qualifier string) {
	b.WriteString("(" + p.FormatFields(t.Params, qualifier) + ")")
	if t.Results == nil {
		return
	}
	results := p.FormatFields(t.Results, qualifier)
	if len(t.Results.List) == 1 && len(t.Results.List[0].Names) == 0 {
		b.WriteString(" " + results)
		return
	}
	b.WriteString(" (" + results + ")")
}

// FormatFields writes a list of parameters or results without its brackets.
func (p *Package) FormatFields(list *ast.FieldList, qualifier string) string {
	if list == nil {
		return ""
	}
	parts := make([]string, 0, len(list.List))
	for _, f := range list.List {
		names := make([]string, len(f.Names))
		for i, name := range f.Names {
			names[i] = name.Name
		}
		part := p.Format(f.Type, qualifier)
		if len(names) > 0 {
			part = strings.Join(names, ", ") + " " + part
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// Uses calls add with the name of every package that a type refers to.
func Uses(e ast.Node, add func(name string)) {
	ast.Inspect(e, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				add(id.Name)
			}
		}
		return true
	})
}
