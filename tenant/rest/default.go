package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
)

// finishBody makes the validated body of a request what the handler is to see:
// with defaults in the place of what is absent, and integers that are exact.
func finishBody(op *openapi3.Operation, r *http.Request) {
	validated, ok := r.Body.(interface{ ValidatedValue() any })
	if !ok {
		return
	}
	value, body := validated.ValidatedValue(), r.Body
	media := op.RequestBody.Value.Content.Get(r.Header.Get("Content-Type"))
	if media != nil && media.Schema != nil && setDefaults(media.Schema.Value, value) {
		if data, err := json.Marshal(value); err == nil { // It was JSON before.
			body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
		}
	}
	r.Body = exactBody{ReadCloser: body, value: exact(value)}
}

// setDefaults gives a valid value the properties that are absent and have a
// default, and tells whether there were any. The validator would do that too,
// but takes null for absent, and so lets it pass where it is not allowed and
// loses it where it is.
func setDefaults(s *openapi3.Schema, value any) bool {
	set := false
	switch value := value.(type) {
	case map[string]any:
		set = setMembers(s, value)
	case []any:
		for _, item := range value {
			set = s.Items != nil && setDefaults(s.Items.Value, item) || set
		}
	default:
		return false
	}
	for _, part := range s.AllOf {
		set = setDefaults(part.Value, value) || set
	}
	for _, choices := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		for _, choice := range choices {
			if choice.Value.VisitJSON(value, formats...) == nil {
				set = setDefaults(choice.Value, value) || set
				break
			}
		}
	}
	return set
}

func setMembers(s *openapi3.Schema, object map[string]any) bool {
	set := false
	for name, property := range s.Properties {
		if _, there := object[name]; !there && property.Value.Default != nil && !property.Value.ReadOnly {
			object[name], set = clone(property.Value.Default), true
		}
	}
	for name, member := range object {
		switch property := s.Properties[name]; {
		case property != nil:
			set = setDefaults(property.Value, member) || set
		case s.AdditionalProperties.Schema != nil:
			set = setDefaults(s.AdditionalProperties.Schema.Value, member) || set
		}
	}
	return set
}

// clone keeps the document's own lists and objects from being changed.
func clone(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = clone(item)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, member := range value {
			object[name] = clone(member)
		}
		return object
	}
	return value
}
