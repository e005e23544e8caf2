//go:build cgo

package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// statusUsage is the exit status of a command line that was not understood.
const statusUsage = 2

// usageError is a mistake in the command line, not in the project.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// usagef says what is wrong with the command line, and where the right one is written.
func usagef(cmd *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Sprintf(format, args...) + fmt.Sprintf("\n\tmend: see `%s --help`", cmd.CommandPath())}
}

// finish makes every command of the tree say what is wrong with its command
// line in the tool's own form, and shows cobra's own commands as ours.
func finish(root *cobra.Command) {
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return cmp.Or(requiredFlags(cmd), emptyFlags(cmd)) }
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Example = "  bailiwick help tenant create"
			cmd.Run, cmd.RunE = nil, help
		case "completion":
			group(cmd)
			cmd.Example = "  bailiwick completion bash --help"
			for _, shell := range cmd.Commands() {
				shell.Example = "  bailiwick completion " + shell.Name()
			}
		}
	}
}

// flagError says in words what a flag takes, where cobra shows Go's own errors.
func flagError(cmd *cobra.Command, err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return usagef(cmd, "%v", err)
	}
	takes := map[string]string{
		"int": "a whole number", "int64": "a whole number", "float64": "a number",
		"duration": "a time, such as 30s or 10m", "days": "a time, such as 30d or 12h", "bool": "true or false",
		"intSlice": "whole numbers, such as 4,26",
	}[invalid.GetFlag().Value.Type()]
	if takes == "" {
		return usagef(cmd, "%v", err)
	}
	return usagef(cmd, "--%s is %s, and was %q", invalid.GetFlag().Name, takes, invalid.GetValue())
}

// emptyFlags refuses empty values. Most are variables of a shell that are not set,
// and would be taken for a flag that is not given: for all tenants, or the
// project's own database.
func emptyFlags(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		empty := flag.Value.Type() == "string" && flag.Value.String() == ""
		if list, is := flag.Value.(pflag.SliceValue); is {
			values := list.GetSlice()
			empty = len(values) == 0 || slices.Contains(values, "")
		}
		if empty {
			err = usagef(cmd, "--%s is empty: is a variable of the shell not set?", flag.Name)
		}
	})
	return err
}

// requiredFlags names each required flag that is missing.
func requiredFlags(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		required := flag.Annotations[cobra.BashCompOneRequiredFlag]
		if len(required) > 0 && required[0] == "true" && !flag.Changed {
			missing = append(missing, "--"+flag.Name)
		}
	})
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return usagef(cmd, "the flag %s is required", missing[0])
	}
	return usagef(cmd, "the flags %s are required", strings.Join(missing, " and "))
}

// require marks flags that a command defines as required.
func require(cmd *cobra.Command, names ...string) *cobra.Command {
	var err error
	for _, name := range names {
		err = errors.Join(err, cmd.MarkFlagRequired(name))
	}
	if err != nil { // the flag is not defined: no user can cause or mend it
		cmd.RunE = func(*cobra.Command, []string) error { return err }
	}
	return cmd
}

// noArgs is for commands that take flags only.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(cmd, "%s takes no argument, and was given %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// oneArg is for commands that take exactly one argument of the given name.
func oneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return usagef(cmd, "%s needs %s", cmd.CommandPath(), name)
		case 1:
			return nil
		}
		return usagef(cmd, "%s takes one %s, and was given %q too", cmd.CommandPath(), name, args[1])
	}
}

// twoArgs is for commands that take two arguments of the given names.
func twoArgs(first, second string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < 2:
			return usagef(cmd, "%s needs %s and %s", cmd.CommandPath(), first, second)
		case len(args) > 2:
			return usagef(cmd, "%s takes %s and %s, and was given %q too", cmd.CommandPath(), first, second, args[2])
		}
		return nil
	}
}

// atMostOneArg is for commands whose argument may be left out.
func atMostOneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef(cmd, "%s takes one %s, and was given %q too", cmd.CommandPath(), name, args[1])
		}
		return nil
	}
}

// checkRevision refuses an --if-revision that no tenant can be at: it would guard
// nothing.
func checkRevision(cmd *cobra.Command, revision int64) error {
	if cmd.Flags().Changed("if-revision") && revision < 1 {
		return usagef(cmd, "--if-revision is at least 1, and was %d", revision)
	}
	return nil
}

// group makes a command that only holds others refuse one that it does not have.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return noCommand(cmd, args[0])
	}
	return cmd
}

// noCommand refuses a command that another one does not hold.
func noCommand(cmd *cobra.Command, name string) error {
	message := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), name)
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		message += "; did you mean " + cmd.CommandPath() + " " + strings.Join(near, " or ") + "?"
	}
	return usagef(cmd, "%s", message)
}

// help shows a command's help; cobra's own ends well for commands that there are not.
func help(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	if err != nil {
		return usagef(cmd, "%v", err)
	}
	if len(rest) > 0 {
		return noCommand(about, rest[0])
	}
	about.InitDefaultHelpFlag()
	about.InitDefaultVersionFlag()
	return about.Help()
}

// plural counts things: 1 error, 2 errors; 1 query, 2 queries.
func plural(n int, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(thing, "y"))
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
