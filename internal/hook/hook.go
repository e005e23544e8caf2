// Package hook runs the commands that bailiwick.yaml names around the steps in the
// life of tenants: as hooks of the catalog.
//
// It may import internal/project, tenant/catalog and the standard library.
package hook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// When a hook is run, as BAILIWICK_WHEN says it.
const (
	Before = "before"
	After  = "after"
)

const (
	// grace is what a command has to end after it was told to.
	grace = 5 * time.Second
	// mostShown is how many bytes of what a command prints are shown, the last ones,
	// and mostReason those of the reason that it gives.
	mostShown, mostReason = 64 << 10, 2000
)

// Commands makes a hook of each command of a project. A command finds the event on
// its standard input, and in its environment what a script mostly needs of it:
// BAILIWICK_ACTION, BAILIWICK_WHEN, and BAILIWICK_TENANT and BAILIWICK_SLUG, the
// tenant's id and the slug that it had before the step.
//
// What a command prints goes to say, line by line, with the hook's name.
func Commands(p *project.Project, say func(format string, args ...any)) []catalog.Hook {
	hooks := make([]catalog.Hook, 0, len(p.Hooks))
	for _, h := range p.Hooks {
		c := command{hook: h, dir: p.Root, say: say}
		hooks = append(hooks, catalog.Hook{
			Name:   h.Name,
			Before: func(ctx context.Context, e catalog.Event) error { return c.run(ctx, Before, e) },
			After:  c.told,
		})
	}
	return hooks
}

type command struct {
	hook project.Hook
	dir  string
	say  func(format string, args ...any)
}

// input is what a command reads: the event, with its number.
type input struct {
	catalog.Event

	ID int64 `json:"id,omitempty"`
}

// run runs the command, with the event on its standard input.
func (c command) run(ctx context.Context, when string, e catalog.Event) error {
	event, err := json.Marshal(input{ID: e.ID, Event: e})
	if err != nil {
		return fmt.Errorf("hook %s: %w", c.hook.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.hook.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.hook.Command[0], c.hook.Command[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "BAILIWICK_ACTION="+e.Action, "BAILIWICK_WHEN="+when,
		"BAILIWICK_TENANT="+e.Tenant.ID.String(), "BAILIWICK_SLUG="+cmp.Or(e.Was.Slug, e.Tenant.Slug))
	cmd.Stdin = bytes.NewReader(append(event, '\n'))
	stdout, stderr := &tail{most: mostShown}, &tail{most: mostReason}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	apart(cmd)
	cmd.WaitDelay = grace
	err = cmd.Run()
	if ctx.Err() != nil {
		killRest(cmd)
	}
	for line := range strings.Lines(stdout.String()) {
		c.say("%s: %s", c.hook.Name, strings.TrimRight(line, "\r\n"))
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("it took longer than %s", c.hook.Timeout)
	}
	if said := strings.TrimSpace(stderr.String()); err != nil && said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// told runs the command after a step. The step is taken, so all there is to do
// about an error is to say so; the catalog tries again.
func (c command) told(ctx context.Context, e catalog.Event) error {
	err := c.run(ctx, After, e)
	if err != nil {
		c.say("%s failed after %s of %s, and is told again: %v", c.hook.Name, e.Action, e.Tenant.Slug, err)
	}
	return err
}

// tail keeps the end of what a command prints, so that one that prints for ever
// takes no more room than that.
type tail struct {
	most int
	text []byte
	cut  bool
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p[max(0, len(p)-t.most):]...)
	over := len(t.text) - t.most
	t.cut = t.cut || over > 0 || len(p) > t.most
	if over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	if t.cut {
		return "..." + strings.ToValidUTF8(string(t.text), "")
	}
	return string(t.text)
}
