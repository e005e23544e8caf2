// Package browser_test opens the service's pages in a headless Chromium.
package browser_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"image/png"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick"
	"github.com/bailiwick-dev/bailiwick/test/live"
)

var update = flag.Bool("update", false, "write the picture of the page to docs/images")

const (
	picture    = "../../docs/images/api.png"
	maxPicture = 250 << 10
	// shown is how many findings the page is asked for.
	shown = 3
)

// TestDocs reads and tries the API of two tenants on their own pages.
func TestDocs(t *testing.T) {
	t.Parallel()
	binary := chromium(t)
	service := live.Start(t, "DOCS=true")
	seen := map[string]string{}
	for slug, tenant := range service.Tenants {
		p := open(t, binary, tenant.URL+"/docs")
		p.rendersEverything(t)
		p.authorize(t, tenant.Token)
		status, answer := p.try(t)
		if status != "200" {
			t.Fatalf("%s: %s %s", slug, status, answer)
		}
		if diff := cmp.Diff(ask(t, p.asked(t), tenant), ids(t, answer)); diff != "" {
			t.Errorf("%s: the page does not show what the API answers (-api +page):\n%s", slug, diff)
		}
		for _, id := range ids(t, answer) {
			if other, ok := seen[id]; ok {
				t.Errorf("%s shows the finding %s of %s", slug, id, other)
			}
			seen[id] = slug
		}
		if slug == "acme" {
			p.picture(t)
		}
		p.quiet(t)
	}
	if len(seen) != 2*shown {
		t.Errorf("%d findings instead of %d", len(seen), 2*shown)
	}
	stranger := open(t, binary, service.Tenants["globex"].URL+"/docs/")
	stranger.authorize(t, service.Tenants["acme"].Token)
	if status, answer := stranger.try(t); status != "403" || !strings.Contains(answer, "the token is for no tenant that is served here") {
		t.Errorf("acme's token on globex's page: %s %s", status, answer)
	}
}

// TestDocsBelowAPath: the page's requests go to the tenant that stands in its path.
func TestDocsBelowAPath(t *testing.T) {
	t.Parallel()
	binary := chromium(t)
	service := live.Start(t, "DOCS=true", "TENANT_FROM=path")
	acme := service.Tenants["acme"]
	if !strings.HasSuffix(acme.URL, "/t/acme") {
		t.Fatal(acme.URL)
	}
	p := open(t, binary, acme.URL+"/docs")
	p.authorize(t, acme.Token)
	status, answer := p.try(t)
	if status != "200" {
		t.Fatalf("%s %s", status, answer)
	}
	if asked := p.asked(t); !strings.HasPrefix(asked, acme.URL+"/v1/") {
		t.Errorf("the page asked %s", asked)
	}
	p.quiet(t)
}

// TestPolicy makes sure that what TestDocs does not see would be seen.
func TestPolicy(t *testing.T) {
	t.Parallel()
	binary := chromium(t)
	service := live.Start(t, "DOCS=true")
	p := open(t, binary, service.Tenants["acme"].URL+"/docs/")
	p.quiet(t)
	for _, c := range []struct{ script, heard string }{
		{`document.body.appendChild(Object.assign(document.createElement("script"), {text: "window.ran = 1"}))`, "Executing inline script violates"},
		{`document.body.appendChild(Object.assign(document.createElement("style"), {textContent: "p {color: red}"}))`, "Applying inline style violates"},
		{`document.body.appendChild(Object.assign(new Image(), {src: "http://127.0.0.1:9/x.png"}))`, "request: GET http://127.0.0.1:9/x.png"},
		{`document.body.appendChild(Object.assign(document.createElement("iframe"), {src: "/docs/"}))`, "Framing 'http://acme.localhost"},
		{`fetch("` + service.Tenants["globex"].URL + `/openapi.yaml").catch(() => 0)`, "Connecting to 'http://globex.localhost"},
		{`setTimeout(() => (0, eval)("1"))`, "exception: "},
		{`console.error("by hand")`, "by hand"},
	} {
		p.do(t, discard(chromedp.Evaluate[any](c.script+"; 0")))
		if !p.noise.hears(t, c.heard) {
			t.Errorf("%s: nothing was noticed of %q", c.script, c.heard)
		}
	}
}

// rendersEverything counts the operations on the page.
func (p *page) rendersEverything(t *testing.T) {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(bailiwick.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, item := range document.Paths.Map() {
		for _, op := range item.Operations() {
			want[op.OperationID] = true
		}
	}
	got := map[string]bool{}
	for _, id := range run(t, p, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".opblock")].map(e => e.id)`)) {
		got[id[strings.LastIndex(id, "-")+1:]] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-document +page):\n%s", diff)
	}
}

// authorize enters the token as a reader does.
func (p *page) authorize(t *testing.T, token string) {
	t.Helper()
	p.do(t,
		chromedp.Click(".auth-wrapper .authorize"),
		chromedp.SendKeys(".auth-container input", token),
		chromedp.Click(".auth-container button.authorize"),
		chromedp.Click(".auth-container .btn-done"),
		chromedp.WaitVisible(".auth-wrapper .authorize.locked"),
	)
}

const operation = "#operations-findings-listFindings"

// try executes listFindings with a limit and returns what the page shows.
func (p *page) try(t *testing.T) (status, answer string) {
	t.Helper()
	limit := operation + ` tr[data-param-name="limit"] input`
	p.do(t,
		chromedp.Click(operation+" .opblock-summary-control"),
		chromedp.WaitVisible(limit),
		chromedp.Focus(limit),
		discard(chromedp.Evaluate[any](`document.activeElement.select()`)), // What is typed replaces the default.
		chromedp.KeyEvent(strconv.Itoa(shown)),
		chromedp.Click(operation+" .execute"),
		chromedp.WaitVisible(operation+" .live-responses-table .highlight-code"),
	)
	if words := run(t, p, chromedp.TextContent(operation+" .opblock-description-wrapper")); !strings.Contains(words, "Wants view_findings.") {
		t.Errorf("the page does not say what the operation wants: %s", words)
	}
	status = run(t, p, chromedp.TextContent(operation+" .live-responses-table tbody .response-col_status"))
	answer = run(t, p, chromedp.TextContent(operation+" .live-responses-table .highlight-code code"))
	return strings.TrimSpace(status), answer
}

// picture takes, and with -update keeps, what the README shows.
func (p *page) picture(t *testing.T) {
	t.Helper()
	p.do(t, discard(chromedp.Evaluate[any](`document.querySelector("`+operation+` .execute-wrapper, `+operation+` .btn-group").scrollIntoView()`)))
	data := run(t, p, chromedp.CaptureScreenshot())
	image, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if image.Width != width || image.Height != height || len(data) > maxPicture {
		t.Errorf("the picture has %d x %d pixels and %d bytes", image.Width, image.Height, len(data))
	}
	if !*update {
		return
	}
	if err := os.MkdirAll(filepath.Dir(picture), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(picture, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// asked is the address that the page says it has asked.
func (p *page) asked(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(run(t, p, chromedp.TextContent(operation+" .request-url pre")))
}

// ask gets the same findings without a browser.
func ask(t *testing.T, address string, tenant live.Tenant) []string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	// Only defaults are filled in: what the examples name together, nobody has.
	if query := u.Query(); !strings.HasPrefix(address, tenant.URL+"/v1/findings?") || query.Has("search") || query.Has("severity") || query.Has("cursor") {
		t.Fatalf("the page asked %s", address)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tenant.Token)
	res, err := live.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return ids(t, b.String())
}

func ids(t *testing.T, answer string) []string {
	t.Helper()
	var list struct{ Items []struct{ ID string } }
	if err := json.Unmarshal([]byte(answer), &list); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	var found []string
	for _, item := range list.Items {
		found = append(found, item.ID)
	}
	if len(found) != shown {
		t.Fatalf("%d findings instead of %d: %s", len(found), shown, answer)
	}
	return found
}
