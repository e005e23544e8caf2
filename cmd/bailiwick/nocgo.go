//go:build !cgo

package main

import (
	"fmt"
	"os"
)

// main says what the tool was built without. The services that it generates
// need no C compiler.
func main() {
	fmt.Fprint(os.Stderr, `bailiwick: this build has no SQL parser, because it was made without a C compiler.
PostgreSQL's grammar, by which SQL is read, is C code.
	mend: install a C compiler (Debian: apt-get install gcc libc6-dev; macOS: xcode-select --install;
	      Alpine: apk add gcc musl-dev), leave CGO_ENABLED unset or 1, and build again
`)
	os.Exit(1)
}
