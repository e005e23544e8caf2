package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const headerLocation = "Location"

var errNotInPath = errors.New("is neither a text nor a number")

// SetLocation sends the header Location with the response: a path of the
// document, whose parameters stand in braces, with values in their place, escaped.
// The values are written as JSON would have them, strings without their quotes.
// There is no Location when one is empty, "." or "..", for no path leads there.
func SetLocation(ctx context.Context, path string, values ...any) error {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if !strings.HasPrefix(segment, "{") || len(values) == 0 {
			continue
		}
		text, err := pathText(values[0])
		if err != nil {
			return fmt.Errorf("make the Location %s: %s %w", path, segment, err)
		}
		if slices.Contains([]string{"", ".", ".."}, text) {
			return nil
		}
		segments[i], values = url.PathEscape(text), values[1:]
	}
	Header(ctx).Set(headerLocation, strings.Join(segments, "/"))
	return nil
}

// pathText is a value as a path has it.
func pathText(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("has no text: %w", err)
	}
	if data[0] != '"' {
		if strings.IndexByte("-0123456789", data[0]) < 0 {
			return "", errNotInPath
		}
		return string(data), nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return "", fmt.Errorf("has no text: %w", err)
	}
	return text, nil
}
