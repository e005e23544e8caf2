package service

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// flags are the arguments. All else is a setting of the environment.
type flags struct{ help, reset, yes bool }

func parseFlags(args []string) (flags, error) {
	var f flags
	for _, arg := range args {
		switch arg {
		case "--help", "-help", "-h":
			f.help = true
		case "--reset", "-reset":
			f.reset = true
		case "--yes", "-yes":
			f.yes = true
		default:
			return f, fmt.Errorf("unknown argument %q; all settings come from the environment, see --help", arg)
		}
	}
	if f.yes && !f.reset {
		return f, errors.New("--yes answers the question of --reset, which is not given")
	}
	return f, nil
}

// writeHelp lists every setting with its default.
func writeHelp(w io.Writer, name string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [--help] [--reset [--yes]]\n\n", name)
	b.WriteString("Serves the API of openapi.yaml to tenants, each on its own host below BASE_DOMAIN,\nor as TENANT_FROM says.\n" +
		"With nothing set it starts a PostgreSQL of its own, with demo tenants.\n" +
		"--reset deletes every tenant of that one and makes the demo tenants anew;\n" +
		"it asks before it does so, unless --yes is given.\n\n" +
		"Settings, from the environment:\n")
	for field := range reflect.TypeFor[settings]().Fields() {
		tag := field.Tag
		fmt.Fprintf(&b, "  %-21s %s", tag.Get("env"), tag.Get("help"))
		if value := tag.Get("envDefault"); value != "" {
			fmt.Fprintf(&b, " [%s]", value)
		}
		b.WriteString("\n")
	}
	b.WriteString("\nGET /healthz tells that the process runs, GET /readyz that the database answers.\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write help: %w", err)
	}
	return nil
}
