// Package docs serves a service's OpenAPI document, as YAML and as JSON, and a
// page on which it can be read and tried: Swagger UI, out of the binary, under
// a content security policy that allows nothing from elsewhere.
//
// It imports the standard library, yaml.v3, Swagger UI's files, tenant, for the
// paths of tenants, and tenant/rest, for the problems it answers with.
package docs

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"

	"github.com/swaggest/swgui/v5/static"
	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// policy is what the page may load: itself. Swagger UI styles elements through
// the DOM, which style-src does not concern, so nothing inline is allowed; its
// icons are data URIs in its style sheet.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// methods are those that every path here knows.
const methods = "GET, HEAD, OPTIONS"

//go:embed page
var page embed.FS

// ours and theirs are the page's files, other than the page itself.
var (
	ours   = []string{"icon.svg", "init.js", "style.css"}
	theirs = []string{"swagger-ui-bundle.js", "swagger-ui.css"}
)

// Config is what is served.
type Config struct {
	// Document is the OpenAPI document, as YAML.
	Document []byte
	// TenantPath is what stands in front of a tenant's slug in paths, where requests
	// name their tenant so, and come by way of its Strip. Then the document says
	// where the API is: below the path of a tenant, as one of its servers that path;
	// elsewhere one with the variable `tenant`. Empty leaves the document as it is.
	TenantPath tenant.PathPrefix
	// KeepServers keeps the document's own servers before that variable's, where
	// requests can name their tenant in another way, too.
	KeepServers bool
}

// Handler serves the document at /openapi.yaml and /openapi.json, and the page
// at /docs/. Everything else is 404. None of it asks for a token: whoever may
// not read the document should not be given the handler.
//
// The page sends its requests to the origin that it came from and to no other,
// so the document's servers should be the single url `/`.
func Handler(cfg Config) (http.Handler, error) {
	h := &handler{files: map[string]*file{}, below: map[string]*spliced{}}
	if err := h.addDocuments(cfg); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	if err := h.addAssets(); err != nil {
		return nil, err
	}
	index, err := h.index(cfg.Document)
	if err != nil {
		return nil, err
	}
	return h, h.add("/docs/", index)
}

// handler is immutable once Handler has returned.
type handler struct {
	files map[string]*file // by the path of the URL
	// below is the document for tenants' paths, with a gap for the path.
	below map[string]*spliced
}

// addDocuments adds the document in both forms, for each place where it is read.
func (h *handler) addDocuments(cfg Config) error {
	if cfg.TenantPath == "" {
		return h.addForms(cfg.Document, h.add)
	}
	if _, err := toJSON(cfg.Document); err != nil { // Its lines are those of the author's.
		return err
	}
	document, err := withServer(cfg.Document, beside(cfg.TenantPath), cfg.KeepServers)
	if err != nil {
		return err
	}
	if err := h.addForms(document, h.add); err != nil {
		return err
	}
	if document, err = withServer(cfg.Document, below(), false); err != nil {
		return err
	}
	return h.addForms(document, func(name string, content []byte) (err error) {
		h.below[name], err = newSpliced(name, content, basePlace)
		return err
	})
}

func (h *handler) addForms(document []byte, add func(name string, content []byte) error) error {
	asJSON, err := toJSON(document)
	if err != nil {
		return err
	}
	return errors.Join(add("/openapi.yaml", document), add("/openapi.json", asJSON))
}

// find gives the file for a request; nil where there is none.
func (h *handler) find(r *http.Request) *file {
	base := tenant.BasePath(r.Context())
	if document := h.below[r.URL.Path]; document != nil && base != "" {
		return document.with(base)
	}
	return h.files[r.URL.Path]
}

func (h *handler) add(name string, content []byte) error {
	f, err := newFile(name, content)
	if err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	h.files[name] = f
	return nil
}

// addAssets adds what the page refers to.
func (h *handler) addAssets() error {
	for _, name := range ours {
		content, err := fs.ReadFile(page, path.Join("page", name))
		if err != nil {
			return fmt.Errorf("read the page: %w", err)
		}
		if err := h.add("/docs/"+name, content); err != nil {
			return err
		}
	}
	for _, name := range theirs {
		packed, err := fs.ReadFile(static.FS, name+".gz")
		if err != nil {
			return fmt.Errorf("read Swagger UI: %w", err)
		}
		content, err := unpack(packed)
		if err != nil {
			return fmt.Errorf("unpack Swagger UI's %s: %w", name, err)
		}
		if err := h.add("/docs/"+name, content); err != nil {
			return err
		}
	}
	return nil
}

// index writes the page. It names each asset with its version, so that browsers
// keep the assets for good and still follow an update of the service.
func (h *handler) index(openapiYAML []byte) ([]byte, error) {
	var document struct {
		Info struct {
			Title string `yaml:"title"`
		} `yaml:"info"`
	}
	if err := yaml.Unmarshal(openapiYAML, &document); err != nil {
		return nil, fmt.Errorf("read the document's title: %w", err)
	}
	asset := func(name string) (string, error) {
		f := h.files["/docs/"+name]
		if f == nil {
			return "", fmt.Errorf("there is no %s", name)
		}
		return name + "?v=" + f.version, nil
	}
	t, err := template.New("index.html").Funcs(template.FuncMap{"asset": asset}).ParseFS(page, "page/index.html")
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, document.Info); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return b.Bytes(), nil
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	f := h.find(r)
	switch {
	case f == nil && r.URL.Path != "/docs":
		rest.WriteError(w, r, rest.Errorf(http.StatusNotFound, "there is no such page"))
	case r.Method == http.MethodOptions:
		header.Set("Allow", methods)
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		rest.WriteError(w, r, &rest.StatusError{
			Problem: rest.Problem{Status: http.StatusMethodNotAllowed},
			Header:  http.Header{"Allow": {methods}},
		})
	case f == nil: // The page names its assets relative to its own folder.
		header.Set("Cache-Control", revalidate)
		http.Redirect(w, r, "/docs/", http.StatusMovedPermanently)
	default:
		f.serve(w, r)
	}
}
