package project

import (
	"go/token"
	"go/types"
	"path"
	"strings"

	"golang.org/x/mod/module"
)

// importable insists that a folder can hold a package that others import.
func (l *loader) importable(file string, line int, field, dir string) {
	const mend = "write a path such as gen/api: lower-case letters and digits"
	if outside(dir) {
		return // which has been reported
	}
	if err := module.CheckImportPath(dir); err != nil {
		l.reportf(file, line, "folder-name", field, mend, "%q is no import path of Go", dir)
		return
	}
	for element := range strings.SplitSeq(dir, "/") {
		if element == "vendor" || strings.HasPrefix(element, "_") || strings.HasPrefix(element, ".") {
			l.reportf(file, line, "folder-name", field, mend, "Go takes no package from a folder %s", element)
			return
		}
	}
	l.packageName(file, line, field, strings.ReplaceAll(path.Base(dir), "-", ""))
}

// packageName insists that Go code can import a package under its name.
func (l *loader) packageName(file string, line int, field, name string) {
	if !token.IsIdentifier(name) || name == "_" || name == "main" || name == "init" || types.Universe.Lookup(name) != nil {
		l.reportf(file, line, "package-name", field, "write a name of lower-case letters and digits that means nothing else in Go",
			"%q cannot be the name of a package that others import", name)
	}
}
