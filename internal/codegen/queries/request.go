package queries

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// request is the part of sqlc's code generation request that is needed here.
//
//nolint:tagliatelle // The names are sqlc's.
type request struct {
	Catalog struct {
		DefaultSchema string       `json:"default_schema"`
		Schemas       []jsonSchema `json:"schemas"`
	} `json:"catalog"`
	Queries []jsonQuery `json:"queries"`
}

//nolint:tagliatelle // The names are sqlc's.
type jsonSchema struct {
	Name       string      `json:"name"`
	Tables     []jsonTable `json:"tables"`
	Enums      []jsonEnum  `json:"enums"`
	Composites []jsonNamed `json:"composite_types"`
}

type jsonNamed struct {
	Name string `json:"name"`
}

type jsonEnum struct {
	Name string   `json:"name"`
	Vals []string `json:"vals"`
}

type jsonTable struct {
	Rel     jsonIdent    `json:"rel"`
	Columns []jsonColumn `json:"columns"`
}

type jsonIdent struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

type jsonQuery struct {
	Name    string       `json:"name"`
	Cmd     string       `json:"cmd"`
	Params  []jsonParam  `json:"params"`
	Columns []jsonColumn `json:"columns"`
}

type jsonParam struct {
	Number int        `json:"number"`
	Column jsonColumn `json:"column"`
}

//nolint:tagliatelle // The names are sqlc's.
type jsonColumn struct {
	Name       string     `json:"name"`
	NotNull    bool       `json:"not_null"`
	IsArray    bool       `json:"is_array"`
	Dims       int        `json:"array_dims"`
	Named      bool       `json:"is_named_param"`
	Slice      bool       `json:"is_sqlc_slice"`
	Type       jsonIdent  `json:"type"`
	Table      *jsonIdent `json:"table"`
	EmbedTable *jsonIdent `json:"embed_table"`
}

func decode(data []byte) (*request, error) {
	var r request
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read sqlc's JSON: %w", err)
	}
	return &r, nil
}

// userSchemas calls fn for each schema that holds the user's own objects.
func (r *request) userSchemas(fn func(s *jsonSchema, prefix string)) {
	for i := range r.Catalog.Schemas {
		s := &r.Catalog.Schemas[i]
		if s.Name == "pg_catalog" || s.Name == "information_schema" {
			continue
		}
		prefix := s.Name + "."
		if s.Name == r.Catalog.DefaultSchema {
			prefix = ""
		}
		fn(s, prefix)
	}
}

func (r *request) enums() map[string][]string {
	all := map[string][]string{}
	r.userSchemas(func(s *jsonSchema, prefix string) {
		for _, e := range s.Enums {
			all[prefix+e.Name] = e.Vals
		}
	})
	return all
}

func (r *request) composites() map[string]bool {
	all := map[string]bool{}
	r.userSchemas(func(s *jsonSchema, prefix string) {
		for _, c := range s.Composites {
			all[prefix+c.Name] = true
		}
	})
	return all
}

// table finds the table that sqlc.embed names.
func (r *request) table(id *jsonIdent) *jsonTable {
	schema := id.Schema
	if schema == "" {
		schema = r.Catalog.DefaultSchema
	}
	for i := range r.Catalog.Schemas {
		if r.Catalog.Schemas[i].Name != schema {
			continue
		}
		for j := range r.Catalog.Schemas[i].Tables {
			if t := &r.Catalog.Schemas[i].Tables[j]; t.Rel.Name == id.Name {
				return t
			}
		}
	}
	return nil
}

// typeName gives a type's SQL name: bare for built-in types and those of the
// default schema, qualified for others.
func (r *request) typeName(id jsonIdent) string {
	if id.Schema == "" && strings.HasPrefix(id.Name, "pg_catalog.") {
		return strings.TrimPrefix(id.Name, "pg_catalog.")
	}
	if id.Schema == "" || id.Schema == "pg_catalog" || id.Schema == r.Catalog.DefaultSchema {
		return strings.TrimPrefix(id.Name, r.Catalog.DefaultSchema+".")
	}
	return id.Schema + "." + id.Name
}

func (l *pairing) value(c *jsonColumn, fallback string) Value {
	v := Value{Name: c.Name, SQL: l.request.typeName(c.Type), NotNull: c.NotNull, Slice: c.Slice}
	if v.Name == "" {
		v.Name, v.Unnamed = fallback, true
	}
	if c.IsArray {
		v.Dims = max(c.Dims, 1)
	}
	if c.Table != nil {
		v.Table = c.Table.Name
	}
	if c.EmbedTable == nil {
		return v
	}
	v.Table = c.EmbedTable.Name
	v.Embedded = []Value{}
	if t := l.request.table(c.EmbedTable); t != nil {
		for i := range t.Columns {
			v.Embedded = append(v.Embedded, l.value(&t.Columns[i], fmt.Sprintf("column_%d", i+1)))
		}
	}
	return v
}

// tables lists the columns of all tables in the default schema.
func (l *pairing) tables() map[string][]Value {
	all := map[string][]Value{}
	l.request.userSchemas(func(s *jsonSchema, prefix string) {
		for i := range s.Tables {
			for j := range s.Tables[i].Columns {
				if prefix == "" {
					name := s.Tables[i].Rel.Name
					all[name] = append(all[name], l.value(&s.Tables[i].Columns[j], ""))
				}
			}
		}
	})
	return all
}

// Place is where a query's name stands.
type Place struct {
	File string
	Line int
}

var nameLine = regexp.MustCompile(`^\s*(?:--|/\*|#)\s*name:\s*(\S+)\s+:\w+`)

// Places maps each query's name to the line of the query files that gives it.
func Places(files map[string][]byte) map[string]Place {
	places := map[string]Place{}
	for file, data := range files {
		line := 0
		for text := range strings.SplitSeq(string(data), "\n") {
			line++
			if m := nameLine.FindStringSubmatch(text); m != nil {
				places[m[1]] = Place{file, line}
			}
		}
	}
	return places
}
