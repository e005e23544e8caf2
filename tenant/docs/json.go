package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// toJSON writes YAML as JSON, with the keys in the order of the document. What
// YAML takes for a date stays the text that it is: JSON knows no dates, and the
// document means an example by it.
func toJSON(document []byte) ([]byte, error) {
	var value any // Decoding finds what the tree alone does not: keys that occur twice, aliases without end.
	if err := yaml.Unmarshal(document, &value); err != nil {
		return nil, err
	}
	var root yaml.Node
	if err := yaml.Unmarshal(document, &root); err != nil {
		return nil, err
	}
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("line 1: it is no object; write `openapi: 3.0.3`, `info:`, `paths:`")
	}
	var compact, b bytes.Buffer
	if err := writeNode(&compact, root.Content[0]); err != nil {
		return nil, err
	}
	if err := json.Indent(&b, compact.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func writeNode(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.AliasNode:
		return writeNode(b, n.Alias)
	case yaml.MappingNode:
		return writeMapping(b, n)
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeNode(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	default:
		return writeScalar(b, n)
	}
}

func writeMapping(b *bytes.Buffer, n *yaml.Node) error {
	b.WriteByte('{')
	for i, p := range pairs(n) {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(p.key.Value)
		if err != nil {
			return err
		}
		b.Write(name)
		b.WriteByte(':')
		if err := writeNode(b, p.value); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

type pair struct{ key, value *yaml.Node }

// pairs lists what a mapping holds. A merge (<<) brings what the mapping and
// earlier merges do not have.
func pairs(n *yaml.Node) []pair {
	var own, merged []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag == "!!merge" {
			merged = append(merged, mergedPairs(value)...)
			continue
		}
		own = append(own, pair{key, value})
	}
	for _, m := range merged {
		if !slices.ContainsFunc(own, func(p pair) bool { return p.key.Value == m.key.Value }) {
			own = append(own, m)
		}
	}
	return own
}

func mergedPairs(n *yaml.Node) []pair {
	switch n.Kind {
	case yaml.AliasNode:
		return mergedPairs(n.Alias)
	case yaml.SequenceNode:
		var all []pair
		for _, item := range n.Content {
			all = append(all, mergedPairs(item)...)
		}
		return all
	default:
		return pairs(n)
	}
}

func writeScalar(b *bytes.Buffer, n *yaml.Node) error {
	var value any = n.Value
	switch n.ShortTag() {
	case "!!int", "!!float", "!!bool", "!!null":
		if err := n.Decode(&value); err != nil {
			return err
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("line %d: %q has no form in JSON: %w", n.Line, n.Value, err)
	}
	b.Write(text)
	return nil
}
