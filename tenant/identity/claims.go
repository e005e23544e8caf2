package identity

import "strings"

// claim finds a claim by its name, or by a path through objects; nil when there is
// none. A name with dots, such as a URL, is a name before it is a path.
func claim(all map[string]any, name string) any {
	if value, ok := all[name]; ok {
		return value
	}
	first, rest, found := strings.Cut(name, ".")
	if !found {
		return nil
	}
	within, ok := all[first].(map[string]any)
	if !ok {
		return nil
	}
	return claim(within, rest)
}

// scopes reads a claim with scopes: a list, or as of RFC 8693 a text with spaces.
// It is not nil, so that a token without the claim has none.
func scopes(value any) []string {
	list := []string{}
	switch v := value.(type) {
	case string:
		list = append(list, strings.Fields(v)...)
	case []any:
		for _, item := range v {
			if text, ok := item.(string); ok && text != "" {
				list = append(list, text)
			}
		}
	}
	return list
}
