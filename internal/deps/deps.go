// Package deps keeps modules in go.mod that are about to be imported.
package deps

import (
	_ "ariga.io/atlas/schemahcl"
	_ "ariga.io/atlas/sql/postgres"
	_ "ariga.io/atlas/sql/sqlcheck"
	_ "github.com/hashicorp/hcl/v2"
	_ "github.com/schollz/progressbar/v3"
	_ "github.com/zclconf/go-cty/cty"
	_ "golang.org/x/term"
)
