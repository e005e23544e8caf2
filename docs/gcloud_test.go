package docs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// gcloudCommands are the subcommands of Google's tool that pages use, each with
// the number of its arguments and the flags that it knows. There is no cloud in a
// test: a fake takes the place of the tool, which refuses whatever is not in this
// list, and does nothing. The list was made from the help of version 528.
var gcloudCommands = map[string]struct {
	args  int
	flags []string
}{
	"config set":                          {2, nil},
	"services enable":                     {-1, nil},
	"sql instances create":                {1, []string{"database-version", "tier", "edition", "region", "database-flags"}},
	"sql databases create":                {1, []string{"instance"}},
	"sql users set-password":              {1, []string{"instance", "password"}},
	"secrets create":                      {1, []string{"data-file"}},
	"secrets add-iam-policy-binding":      {1, []string{"member", "role"}},
	"iam service-accounts create":         {1, []string{"display-name"}},
	"projects add-iam-policy-binding":     {1, []string{"member", "role", "condition"}},
	"artifacts repositories create":       {1, []string{"repository-format", "location"}},
	"builds submit":                       {1, []string{"tag", "region"}},
	"run services replace":                {1, []string{"region"}},
	"run services add-iam-policy-binding": {1, []string{"region", "member", "role"}},
}

// fakeGcloud checks a command line against the list.
func fakeGcloud(args []string) error {
	var words, flags []string
	for _, arg := range args {
		switch {
		case strings.HasPrefix(arg, "--"):
			flags = append(flags, arg)
		case len(flags) > 0:
			return fmt.Errorf("argument %q after a flag: write --flag=value", arg)
		default:
			words = append(words, arg)
		}
	}
	for n := min(3, len(words)); n > 0; n-- {
		known, ok := gcloudCommands[strings.Join(words[:n], " ")]
		if !ok {
			continue
		}
		if got := len(words) - n; known.args >= 0 && got != known.args {
			return fmt.Errorf("%q takes %d arguments and has %d", words[:n], known.args, got)
		}
		for _, flag := range flags {
			name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
			if !slices.Contains(known.flags, name) || value == "" {
				return fmt.Errorf("%q knows no flag --%s with a value", words[:n], name)
			}
			if path, isFile := strings.CutPrefix(flag, "--data-file="); isFile {
				if err := readable(path); err != nil {
					return err
				}
			}
		}
		if words[0] == "run" && words[2] == "replace" {
			return readable(words[3])
		}
		return nil
	}
	return fmt.Errorf("gcloud %s is no command that the pages may use", strings.Join(words, " "))
}

func readable(path string) error {
	if path == "-" {
		text, err := io.ReadAll(os.Stdin)
		if err == nil && len(text) == 0 {
			err = errors.New("nothing comes from standard input")
		}
		return err
	}
	text, err := os.ReadFile(path)
	if err == nil && len(text) == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	return err
}

func TestFakeGcloud(t *testing.T) {
	t.Parallel()
	for line, ok := range map[string]bool{
		"sql databases create notes --instance=db": true,
		"sql databases create notes --instance":    false,
		"sql databases create --instance=db":       false,
		"sql databases create notes --instant=db":  false,
		"sql databases drop notes":                 false,
		"services enable a b c":                    true,
		"run services replace /nowhere":            false,
	} {
		if err := fakeGcloud(strings.Fields(line)); (err == nil) != ok {
			t.Errorf("%s: %v", line, err)
		}
	}
}
