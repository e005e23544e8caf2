package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// The size of the window, and of the picture.
const width, height = 1280, 900

// patience bounds one page; it is much more than a slow machine needs.
const patience = 2 * time.Minute

// chromium finds the browser. It is no part of Go: without it the test is left
// out, but not in CI.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if binary, err := exec.LookPath(name); err == nil {
			return binary
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI has to install chromium")
	}
	t.Skip("install chromium to run this test")
	return ""
}

// page is a page in a browser of its own.
type page struct {
	ctx   context.Context
	noise *noise
}

// open starts a browser with a new profile and goes to an address.
func open(t *testing.T, binary, address string) *page {
	t.Helper()
	origin, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(binary), chromedp.DisableGPU, chromedp.WindowSize(width, height),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP *.localhost 127.0.0.1"),
	)
	if os.Getuid() == 0 { // Chromium's sandbox refuses to run as root.
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	p := &page{noise: &noise{origin: origin.Scheme + "://" + origin.Host, more: make(chan struct{}, 1)}}
	p.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(p.noise.listen))
	t.Cleanup(cancel)
	p.do(t, chromedp.EmulateViewport(width, height), chromedp.Navigate(address), chromedp.WaitVisible(".opblock"))
	return p
}

func (p *page) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	for i, step := range steps {
		if err := chromedp.Do(p.ctx, step); err != nil {
			p.quiet(t)
			t.Fatalf("step %d of %d: %v", i+1, len(steps), err)
		}
	}
}

func run[T any](t *testing.T, p *page, action chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(p.ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// discard makes a step of an action whose value is of no interest.
func discard[T any](action chromedp.Action[T]) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := action(ctx, target)
		return chromedp.Void{}, err
	}
}

// quiet fails the test for whatever the page complained about, or asked of others.
func (p *page) quiet(t *testing.T) {
	t.Helper()
	p.noise.mu.Lock()
	defer p.noise.mu.Unlock()
	for _, line := range p.noise.lines {
		t.Errorf("%s: %s", p.noise.origin, line)
	}
}

// noise is what a page should not do: log a warning or an error, which is also
// how a violation of its policy shows, throw, or ask another origin.
type noise struct {
	origin string
	more   chan struct{}

	mu    sync.Mutex
	lines []string
}

func (n *noise) listen(event any) {
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			n.addf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			text, err := json.Marshal(e.Args)
			n.addf("console: %s %v", text, err)
		}
	case *runtime.EventExceptionThrown:
		n.addf("exception: %s", e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		if at := e.Request.URL; !strings.HasPrefix(at, n.origin+"/") && !strings.HasPrefix(at, "data:") {
			n.addf("request: %s %s", e.Request.Method, at)
		}
	}
}

func (n *noise) addf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
	select {
	case n.more <- struct{}{}:
	default:
	}
}

// hears tells whether something is heard before long.
func (n *noise) hears(t *testing.T, text string) bool {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		n.mu.Lock()
		heard := slices.ContainsFunc(n.lines, func(line string) bool { return strings.Contains(line, text) })
		n.mu.Unlock()
		if heard {
			return true
		}
		select {
		case <-n.more:
		case <-late:
			return false
		}
	}
}
