package docs

import (
	"bytes"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// basePlace stands where the path of a tenant will, in the document that is served
// below it. What a path can hold needs no escape between its double quotes.
const basePlace = "/the-path-of-the-tenant"

// defaultSlug is nobody's in all likelihood: the variable of a server must have a
// value, and whoever calls that one is to find out.
const defaultSlug = "your-tenant"

// server is an entry of the document's servers.
type server struct {
	URL         yaml.Node           `yaml:"url"`
	Description string              `yaml:"description"`
	Variables   map[string]variable `yaml:"variables,omitempty"`
}

type variable struct {
	Default     string `yaml:"default"`
	Description string `yaml:"description"`
}

// beside is the server of all tenants, for who reads the document below none.
func beside(prefix tenant.PathPrefix) server {
	return server{
		URL:         quoted(string(prefix) + "{tenant}"),
		Description: "The path of the tenant.",
		Variables:   map[string]variable{"tenant": {defaultSlug, "The slug of the tenant."}},
	}
}

// below is the server of the tenant below whose path the document is read.
func below() server { return server{URL: quoted(basePlace), Description: "The path of the tenant."} }

func quoted(text string) yaml.Node {
	return yaml.Node{Kind: yaml.ScalarNode, Value: text, Style: yaml.DoubleQuotedStyle}
}

// withServer writes the document with a server, after its own ones if they are kept.
func withServer(document []byte, s server, keep bool) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(document, &root); err != nil {
		return nil, err
	}
	var entry yaml.Node
	if err := entry.Encode(s); err != nil {
		return nil, err
	}
	list := serversOf(root.Content[0])
	if !keep {
		list.Content = nil
	}
	list.Content = append(list.Content, &entry)
	list.Style = 0
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return nil, fmt.Errorf("write its servers: %w", err)
	}
	return b.Bytes(), e.Close()
}

// serversOf is the list of the document's servers. One that has none means `/`.
func serversOf(document *yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(document.Content); i += 2 {
		if document.Content[i].Value == "servers" && document.Content[i+1].Kind == yaml.SequenceNode {
			return document.Content[i+1]
		}
	}
	root := quoted("/")
	list := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Value: "url"}, &root,
	}}}}
	document.Content = slices.Concat(document.Content, []*yaml.Node{{Kind: yaml.ScalarNode, Value: "servers"}, list})
	return list
}
