//go:build cgo

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// confirmByName asks on a terminal for what destroys: whoever goes on has to type
// a word, which is the slug of the tenant, or the number of them. Elsewhere it
// wants --yes.
func confirmByName(cmd *cobra.Command, yes bool, what, word string) error {
	if yes {
		return nil
	}
	in, isFile := cmd.InOrStdin().(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return usagef(cmd, "nobody can be asked: %s Say so with --yes", what)
	}
	return askForName(in, cmd.ErrOrStderr(), what, word)
}

func askForName(in io.Reader, out io.Writer, what, word string) error {
	if _, err := fmt.Fprintf(out, "%s Type %s to go on: ", what, word); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != word {
		return errors.New("nothing was done")
	}
	return nil
}
