package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxProblem bounds what is read of an answer that is an error.
const maxProblem = 64 << 10

// Problem is the error of an answer with a status of 400 or more: the problem
// document (RFC 9457) that the service sent, or what its status says when it
// sent none.
type Problem struct { //nolint:errname // It is RFC 9457's name.
	// Type names the kind of problem by a URI; see [Problem.Kind].
	Type string `json:"type"`
	// Title is the kind of problem in words.
	Title string `json:"title"`
	// Status is that of the response.
	Status int `json:"status"`
	// Detail is about this occurrence.
	Detail string `json:"detail"`
	// Errors says which parts of the request are wrong.
	Errors []FieldError `json:"errors"`
	// Header is that of the response.
	Header http.Header `json:"-"`
	// Body is the document as it was sent, with members that have no field here.
	Body []byte `json:"-"`

	request string // method and path
}

// FieldError is one part of a request that the service does not accept.
type FieldError struct {
	// In is "path", "query", "header", "cookie" or "body".
	In string `json:"in"`
	// Parameter is the parameter's name, unless In is "body".
	Parameter string `json:"parameter"`
	// Pointer is the JSON pointer into the body or the parameter.
	Pointer string `json:"pointer"`
	// Detail says what is wrong.
	Detail string `json:"detail"`
}

// Kind is the last word of Type, such as "not-found"; empty without a type.
func (p *Problem) Kind() string {
	if p.Type == "about:blank" {
		return ""
	}
	return p.Type[strings.LastIndexByte(p.Type, '/')+1:]
}

// RequestID is what the service calls the request in its log.
func (p *Problem) RequestID() string { return p.Header.Get("X-Request-ID") }

// Error implements error. It names the request, what is wrong with it, and the
// request's id, for whoever is asked about it.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d %s", p.request, p.Status, p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for i, e := range p.Errors {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		b.WriteString(strings.Join(strings.Fields(e.In+" "+e.Parameter+" "+e.Pointer), " ") + ": " + e.Detail)
	}
	if id := p.RequestID(); id != "" {
		b.WriteString(" (request " + id + ")")
	}
	return b.String()
}

// problemOf reads and closes an answer that is an error.
func problemOf(req *http.Request, res *http.Response) *Problem {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	_ = res.Body.Close() // It has been read; nothing depends on it any more.
	p := &Problem{}
	mediaType, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/problem+json" || json.Unmarshal(body, p) != nil {
		p = &Problem{} // It may be half filled.
	}
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Title == "" {
		p.Title = http.StatusText(res.StatusCode)
	}
	p.Status, p.Header, p.Body, p.request = res.StatusCode, res.Header, body, req.Method+" "+req.URL.Path
	return p
}
