// Package deps keeps modules in go.mod until the packages that need them are
// written; it goes away with that.
package deps

import (
	_ "github.com/klauspost/compress/gzhttp"
	_ "github.com/rs/cors"
)
