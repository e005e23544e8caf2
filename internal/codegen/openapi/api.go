package openapi

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// oapiMutex guards oapi-codegen, which keeps its state in package variables.
var oapiMutex sync.Mutex

// The names of the files that oapi-codegen's output is written to.
const (
	APIFile    = "api.gen.go"
	ClientFile = "client.gen.go"
)

// Generate has oapi-codegen write the API package: models, strict server for
// net/http and the embedded document. configFile and config are the project's
// oapi-codegen.yaml, whose output options, compatibility options, import
// mapping and additional imports are honoured.
func Generate(file string, document []byte, pkg, configFile string, config []byte) ([]byte, error) {
	what := codegen.GenerateOptions{StdHTTPServer: true, Strict: true, Models: true, EmbeddedSpec: true}
	return generate(what, APIFile, file, document, pkg, configFile, config)
}

// GenerateClient has oapi-codegen write a package of models and a client, under
// the same configuration as the API package.
func GenerateClient(file string, document []byte, pkg, configFile string, config []byte) ([]byte, error) {
	return generate(codegen.GenerateOptions{Client: true, Models: true}, ClientFile, file, document, pkg, configFile, config)
}

func generate(what codegen.GenerateOptions, output, file string, document []byte, pkg, configFile string, config []byte) ([]byte, error) {
	var c codegen.Configuration
	if len(config) > 0 {
		dec := yaml.NewDecoder(bytes.NewReader(config))
		dec.KnownFields(true)
		if err := dec.Decode(&c); err != nil {
			return nil, diag.List{{File: configFile, Line: yamlErrorLine(err), Rule: apiRule, Message: yamlMessage(err), Mend: mendFile}}
		}
	}
	c.PackageName = pkg
	c.Generate = what
	c.OutputOptions.NullableType = true
	c.OutputOptions.SkipFmt = true
	c.OutputOptions.SkipEnumValidate = false
	// Without its pointer an optional value could not be told from a zero one.
	c.OutputOptions.PreferSkipOptionalPointer = false
	c.OutputOptions.PreferSkipOptionalPointerOnContainerTypes = false
	c.OutputOptions.TypeMapping = typeMapping(c.OutputOptions.TypeMapping)
	if c.OutputOptions.Overlay.Path != "" {
		return nil, diag.List{{File: configFile, Rule: apiRule, Subject: "overlay", Message: "an overlay would make the API differ from its document", Mend: "apply it to the document"}}
	}
	if err := c.Validate(); err != nil {
		return nil, diag.List{{File: configFile, Rule: apiRule, Message: oneLine(err), Mend: mendFile}}
	}
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromData(withLines(document))
	if err != nil {
		return nil, diag.List{{File: file, Line: yamlErrorLine(err), Rule: rule, Message: oneLine(err), Mend: mendDoc}}
	}
	// A schema that only x-item-schema refers to counts as used.
	c.OutputOptions.SkipPrune = c.OutputOptions.SkipPrune || hasItemSchemas(doc)
	oapiMutex.Lock()
	text, err := codegen.Generate(doc, c)
	oapiMutex.Unlock()
	if err != nil {
		return nil, diag.List{refused(file, document, err)}
	}
	src, err := gosrc.PruneImports([]byte(withHeader(text)))
	if err != nil {
		return nil, fmt.Errorf("oapi-codegen's output: %w", err)
	}
	if names := gosrc.Undefined(src); len(names) > 0 {
		var found diag.List
		for _, name := range names {
			found = append(found, diag.Diagnostic{
				File: file, Line: responseLine(doc, name), Rule: apiRule, Subject: name,
				Message: "oapi-codegen uses this type without declaring it", Mend: "move the schema that is written in place to components/schemas, and refer to it",
			})
		}
		return nil, found
	}
	if found := conflicts(output, file, document, src); len(found) > 0 {
		return nil, found
	}
	return src, nil
}

var duplicateType = regexp.MustCompile(`duplicate typename '(\w+)' detected`)

// refused is oapi-codegen's error, at the schema that it names if it names one.
func refused(file string, document []byte, err error) diag.Diagnostic {
	d := &Document{File: file}
	if m := duplicateType.FindStringSubmatch(err.Error()); m != nil && yaml.Unmarshal(withLines(document), &d.root) == nil {
		if f, ok := d.trace(gosrc.Conflict{Name: m[1]}); ok {
			return f
		}
	}
	return d.At(0, apiRule, "", mendDoc, "%s", oneLine(err))
}

// responseLine finds the shared response whose name a Go name begins with.
func responseLine(doc *openapi3.T, goName string) int {
	if doc.Components == nil {
		return 0
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Responses)) {
		if r := doc.Components.Responses[name].Value; r != nil && strings.HasPrefix(strings.ToLower(goName), strings.ToLower(codegen.ToCamelCase(name))) {
			return line(r.Origin)
		}
	}
	return 0
}

// typeMapping adds what Bailiwick needs to the user's own mapping: a duration
// stays a string, because PostgreSQL's intervals may be negative or of mixed
// signs, which oapi-codegen's own duration type cannot hold; and a number
// without a format is a float64, for a float32 loses digits from the eighth on.
func typeMapping(user *codegen.TypeMapping) *codegen.TypeMapping {
	own := codegen.TypeMapping{
		String: codegen.FormatMapping{Formats: map[string]codegen.SimpleTypeSpec{"duration": {Type: "string"}}},
		Number: codegen.FormatMapping{Default: codegen.SimpleTypeSpec{Type: "float64"}},
	}
	if user != nil {
		own = own.Merge(*user)
	}
	return &own
}

// Route is a path as the generated server registers it.
func Route(path string) string { return codegen.SwaggerUriToStdHttpUri(path) }

// withHeader replaces the line that names the generating program: it would be
// this program's path, and the version under which it was built.
func withHeader(text string) string {
	const marker = "// Code generated by "
	before, after, ok := strings.Cut(text, marker)
	if !ok {
		return marker + "github.com/oapi-codegen/oapi-codegen/v2. DO NOT EDIT.\n\n" + text
	}
	_, rest, _ := strings.Cut(after, "\n")
	return before + marker + "github.com/oapi-codegen/oapi-codegen/v2. DO NOT EDIT.\n" + rest
}
