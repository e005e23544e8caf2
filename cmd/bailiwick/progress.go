//go:build cgo

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// progressPause is how often progress is told where nothing can be drawn over.
const progressPause = 5 * time.Second

// progress tells on stderr how far work is: a bar on a terminal, and elsewhere a
// line now and then. Work that is done at once leaves no trace. It is not safe
// for concurrent use.
type progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar // nil when there is no terminal
	stage string
	last  time.Time
}

func newProgress(cmd *cobra.Command) *progress {
	p := &progress{out: cmd.ErrOrStderr(), last: time.Now()}
	if file, ok := behind(p.out).(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions(-1, progressbar.OptionSetWriter(file), progressbar.OptionClearOnFinish(),
			progressbar.OptionShowCount(), progressbar.OptionFullWidth(), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetRenderBlankState(false))
	}
	return p
}

// show tells that done of total things of a stage are done.
func (p *progress) show(stage string, done, total int) {
	switch {
	case p.bar != nil:
		if stage != p.stage {
			p.bar.Reset()
			p.bar.ChangeMax(total)
			p.bar.Describe(stage)
		}
		_ = p.bar.Set(done) // a terminal that is gone is no reason to stop
	case time.Since(p.last) >= progressPause:
		p.last = time.Now()
		fmt.Fprintf(p.out, "%s: %d of %d\n", stage, done, total) //nolint:errcheck // likewise
	}
	p.stage = stage
}

// close removes the bar.
func (p *progress) close() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
