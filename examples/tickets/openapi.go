// Package tickets is the root of the module: it embeds the API document, and
// tools.go starts the pipeline from the specifications to gen/.
package tickets

import _ "embed"

// OpenAPI is the API document.
//
//go:embed openapi.yaml
var OpenAPI []byte
