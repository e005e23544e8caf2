package bailiwick

import _ "embed" // for the document below

// OpenAPI is the document of the reference service, which serves it as it is.
//
//go:embed openapi.yaml
var OpenAPI []byte
