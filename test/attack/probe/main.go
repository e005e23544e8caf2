// Command probe attacks by the library that it is built with: its tests build it
// with a library that is broken on purpose. It reads an attack.Target as JSON and
// writes the attack.Report as JSON. It imports the standard library and tenant/attack.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	var target attack.Target
	if err := json.NewDecoder(in).Decode(&target); err != nil {
		return fmt.Errorf("read the target: %w", err)
	}
	report, err := attack.Run(ctx, target)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
