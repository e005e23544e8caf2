package convert

import (
	"cmp"
	"go/ast"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
)

// Wrapper says how a Go type holds a value that may be absent.
type Wrapper int

// The wrappers.
const (
	None     Wrapper = iota
	Pointer          // *T
	Nullable         // nullable.Nullable[T]
	Valid            // a struct with a Valid field, such as pgtype.Text
	Nil              // a slice whose nil means NULL
)

// Basic is what a plain Go value is underneath: a built-in type's name, or one
// of the constants.
type Basic string

// The values that conversions know apart.
const (
	basicBool      Basic = "bool"
	basicString    Basic = "string"
	basicBytes     Basic = "bytes"
	basicUUID      Basic = "uuid"
	basicTime      Basic = "time"
	basicDate      Basic = "date"
	basicTimeOfDay Basic = "timeofday"
	basicInterval  Basic = "interval"
	basicNumeric   Basic = "numeric"
	basicAddr      Basic = "addr"
	basicPrefix    Basic = "prefix"
)

// The plain types that the generator itself converts from and to.
var (
	StringType = Type{Text: string(basicString), Basic: basicString}
	Int64Type  = Type{Text: "int64", Basic: "int64"}
)

// Any is the Go type of what may hold any value.
const Any = "any"

// Type is a Go type in the terms that conversions are put together from.
type Type struct {
	// Text is the type as the generated package writes it.
	Text string
	// Wrapper, with Elem, Open and Build, describes an optional value.
	Wrapper     Wrapper
	Open, Build string
	// List is true for a slice of Elem.
	List bool
	Elem *Type
	// Basic is empty for what only JSON can convert.
	Basic Basic
	// Enum is true for an enum of the API.
	Enum bool
	// Expr is the type's source in its own package.
	Expr ast.Expr
}

// Resolver reads the types of one package for use in another.
type Resolver struct {
	Pkg *gosrc.Package
	// Qualifier is the name under which the other package imports this one.
	Qualifier string
}

// pgWrapper describes the types of package pgtype by what they hold. An empty
// text means that the value's type is named as the built-in type.
var pgWrapper = map[string]struct {
	text  string
	basic Basic
}{
	"Text": {"", basicString}, "Bool": {"", basicBool},
	"Int2": {"", "int16"}, "Int4": {"", "int32"}, "Int8": {"", "int64"},
	"Float4": {"", "float32"}, "Float8": {"", "float64"},
	"UUID":        {"[16]byte", basicUUID},
	"Timestamptz": {"time.Time", basicTime}, "Timestamp": {"time.Time", basicTime}, "Date": {"time.Time", basicTime},
	"Time": {"pgtype.Time", basicTimeOfDay}, "Interval": {"pgtype.Interval", basicInterval}, "Numeric": {"pgtype.Numeric", basicNumeric},
}

// builtin is true for the built-in types that conversions know.
func builtin(name string) bool {
	b := Basic(name)
	return b == basicBool || b == basicString || isInteger(b) || isFloat(b)
}

// selectors are the plain types of other packages, by import path.
var selectors = map[string]Basic{
	"time.Time": basicTime, "net/netip.Addr": basicAddr, "net/netip.Prefix": basicPrefix,
	"github.com/google/uuid.UUID": basicUUID, "github.com/gofrs/uuid.UUID": basicUUID, "github.com/gofrs/uuid/v5.UUID": basicUUID,
	"github.com/oapi-codegen/runtime/types.UUID":  basicUUID,
	"github.com/oapi-codegen/runtime/types.Date":  basicDate,
	"github.com/oapi-codegen/runtime/types.Email": basicString,
	"encoding/json.RawMessage":                    basicBytes,
}

// Resolve reads a type.
func (r Resolver) Resolve(e ast.Expr) Type {
	t := r.resolve(e)
	t.Text, t.Expr = r.Pkg.Format(e, r.Qualifier), e
	return t
}

func (r Resolver) resolve(e ast.Expr) Type {
	switch x := e.(type) {
	case *ast.ParenExpr:
		return r.resolve(x.X)
	case *ast.Ident:
		return r.named(x)
	case *ast.SelectorExpr:
		return r.selector(x)
	case *ast.StarExpr:
		elem := r.Resolve(x.X)
		return Type{Wrapper: Pointer, Elem: &elem, Open: "rest.OpenPointer[" + elem.Text + "]", Build: "rest.BuildPointer[" + elem.Text + "]"}
	case *ast.ArrayType:
		if id, ok := x.Elt.(*ast.Ident); ok && x.Len == nil && id.Name == "byte" {
			return Type{Basic: basicBytes}
		}
		if x.Len != nil {
			return Type{}
		}
		elem := r.Resolve(x.Elt)
		return Type{List: true, Elem: &elem}
	case *ast.IndexExpr:
		if r.Pkg.Format(x.X, "") == "nullable.Nullable" {
			elem := r.Resolve(x.Index)
			return Type{Wrapper: Nullable, Elem: &elem, Open: "rest.OpenNullable[" + elem.Text + "]", Build: "rest.BuildNullable[" + elem.Text + "]"}
		}
	}
	return Type{}
}

// named follows a name of the package, or takes a built-in one.
func (r Resolver) named(id *ast.Ident) Type {
	spec := r.Pkg.Types[id.Name]
	if spec == nil {
		if builtin(id.Name) {
			return Type{Basic: Basic(id.Name)}
		}
		return Type{}
	}
	if st, ok := spec.Type.(*ast.StructType); ok {
		return r.nullStruct(id.Name, st)
	}
	t := r.resolve(spec.Type)
	if under, ok := spec.Type.(*ast.Ident); ok && under.Name == string(basicString) {
		t.Enum = len(r.Pkg.Methods(id.Name)) > 0 && hasValid(r.Pkg, id.Name)
	}
	return t
}

func hasValid(pkg *gosrc.Package, name string) bool {
	for _, m := range pkg.Methods(name) {
		if m.Name.Name == "Valid" {
			return true
		}
	}
	return false
}

// nullStruct recognises sqlc's nullable enums: a value and a Valid field.
func (r Resolver) nullStruct(name string, st *ast.StructType) Type {
	fields := r.Pkg.Fields(st)
	if len(fields) != 2 || fields[1].Name != "Valid" || !strings.HasPrefix(name, "Null") {
		return Type{}
	}
	elem := r.Resolve(fields[0].Type)
	text := r.Qualifier + "." + name
	return Type{
		Wrapper: Valid, Elem: &elem,
		Open:  "func(v " + text + ") (" + elem.Text + ", bool, error) { return v." + fields[0].Name + ", v.Valid, nil }",
		Build: "func(v " + elem.Text + ", ok bool) " + text + " { return " + text + "{" + fields[0].Name + ": v, Valid: ok} }",
	}
}

func (r Resolver) selector(x *ast.SelectorExpr) Type {
	pkg, ok := x.X.(*ast.Ident)
	if !ok {
		return Type{}
	}
	importPath := r.Pkg.Imports[pkg.Name]
	full := importPath + "." + x.Sel.Name
	if basic, ok := selectors[full]; ok {
		return Type{Basic: basic}
	}
	switch {
	case importPath == "github.com/jackc/pgx/v5/pgtype":
		if w, ok := pgWrapper[x.Sel.Name]; ok {
			elem := Type{Text: cmp.Or(w.text, string(w.basic)), Basic: w.basic}
			return Type{Wrapper: Valid, Elem: &elem, Open: "rest.Open" + x.Sel.Name, Build: "rest.Build" + x.Sel.Name}
		}
	case full == "github.com/google/uuid.NullUUID":
		return Type{Wrapper: Valid, Elem: &Type{Text: pkg.Name + ".UUID", Basic: basicUUID}, Open: "rest.OpenNullUUID", Build: "rest.BuildNullUUID"}
	case full == "database/sql.NullString":
		return Type{Wrapper: Valid, Elem: &StringType, Open: "rest.OpenNullString", Build: "rest.BuildNullString"}
	}
	return Type{}
}

// LosesNull is true for an array whose items may be null by its schema, though
// one of the Go types that hold it has no null among its elements.
func LosesNull(s *openapi.Schema, types ...Type) bool {
	if s.Type != array || s.Items == nil || !s.Items.Nullable {
		return false
	}
	return slices.ContainsFunc(types, func(t Type) bool {
		if t.Wrapper != None {
			t = *t.Elem
		}
		return t.List && t.Elem.Wrapper == None
	})
}

// AsNull gives a type whose nil is NULL its wrapper; others stay as they are.
func (t Type) AsNull() Type {
	if t.Wrapper != None || (!t.List && t.Basic != basicBytes) {
		return t
	}
	elem := t
	return Type{
		Text: t.Text, Expr: t.Expr, Wrapper: Nil, Elem: &elem,
		Open: "rest.OpenSlice[" + t.Text + "]", Build: "rest.BuildSlice[" + t.Text + "]",
	}
}
