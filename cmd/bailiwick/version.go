//go:build cgo

package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what `version --json` prints.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// SQLC and OAPICodegen are the generators that are built in.
	SQLC        string `json:"sqlc"`
	OAPICodegen string `json:"oapi_codegen"`
}

func buildInfo() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	for _, dep := range info.Deps {
		switch dep.Path {
		case "github.com/sqlc-dev/sqlc":
			b.SQLC = dep.Version
		case "github.com/oapi-codegen/oapi-codegen/v2":
			b.OAPICodegen = dep.Version
		}
	}
	return b
}

func newVersionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which build this is, and which generators are in it",
		Long: `version prints the version and commit that the tool was built from, the Go it
was built with, and the versions of sqlc and oapi-codegen that are built in.

Exit status: 0; 2 when the command line is wrong.`,
		Example: `  bailiwick version
  bailiwick version --json | jq -r .sqlc`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := buildInfo()
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), b)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "bailiwick %s\ncommit       %s\nbuilt with   %s, %s\nsqlc         %s\noapi-codegen %s\n",
				b.Version, cmp.Or(b.Commit, "unknown"), b.Go, b.Platform, cmp.Or(b.SQLC, "unknown"), cmp.Or(b.OAPICodegen, "unknown"))
			return wrapPrint(err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}
