package attack

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxAnswer bounds what is read of one answer.
const maxAnswer = 1 << 20

// request is what is sent; an empty method is GET.
type request struct {
	method, path, host, token string
	header                    http.Header
	body                      string
}

func (r request) String() string {
	text := r.method
	if text == "" {
		text = http.MethodGet
	}
	var b strings.Builder
	b.WriteString(text + " " + r.path)
	if r.host != "" {
		b.WriteString(" at " + r.host)
	}
	for _, name := range sorted(r.header) {
		if name != "Content-Type" {
			fmt.Fprintf(&b, ", %s: %s", name, strings.Join(r.header[name], " | "))
		}
	}
	return b.String()
}

// answer is what came back; status 0 means none, for the reason in err.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// late is what is shown of an answer that did not come within Target.Timeout.
const late = "no answer in time, Target.Timeout"

// late tells whether it was us who ceased to wait.
func (a answer) late() bool {
	slow, ok := errors.AsType[net.Error](a.err)
	return ok && slow.Timeout() || errors.Is(a.err, context.DeadlineExceeded)
}

// String gives the status and, of an error, its title.
func (a answer) String() string {
	if a.late() {
		return late
	}
	if a.err != nil {
		return a.err.Error()
	}
	var problem struct{ Title, Detail string }
	if a.status < http.StatusBadRequest || json.Unmarshal([]byte(a.body), &problem) != nil || problem.Title == "" {
		return strings.TrimSpace(fmt.Sprint(a.status, " ", http.StatusText(a.status)))
	}
	return fmt.Sprint(a.status, " ", problem.Title)
}

// is tells whether the answer has one of the statuses.
func (a answer) is(statuses ...int) bool {
	return slices.Contains(statuses, a.status)
}

// same tells whether two answers can't be told apart but by the request's id.
func (a answer) same(b answer) bool { return a.status == b.status && a.body == b.body }

// exchange is a request and its answer, to be looked through at the end.
type exchange struct {
	request request
	answer  answer
}

func newClient(at *url.URL, timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:               nil,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 4,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, addressOf(at))
			},
			TLSClientConfig: tlsConfig(at, ""),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// addressOf is where a URL's host listens.
func addressOf(at *url.URL) string {
	if at.Port() != "" {
		return at.Host
	}
	if at.Scheme == "https" {
		return net.JoinHostPort(at.Hostname(), "443")
	}
	return net.JoinHostPort(at.Hostname(), "80")
}

func tlsConfig(at *url.URL, name string) *tls.Config {
	if at.Scheme != "https" {
		return nil
	}
	return &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
}

// send sends a request. That there is no answer is one, too.
func (c *campaign) send(ctx context.Context, r request) answer {
	got := c.sendTo(ctx, c.URL, r)
	c.seen = append(c.seen, exchange{r, got})
	return got
}

func (c *campaign) sendTo(ctx context.Context, base string, r request) answer {
	at, err := url.Parse(base)
	if err != nil {
		return answer{err: err}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, at.Scheme+"://"+at.Host+r.path, strings.NewReader(r.body))
	if err != nil {
		return answer{err: err}
	}
	maps.Copy(req.Header, r.header)
	if r.host != "" {
		req.Host = r.host
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	client := c.client
	if base != c.URL {
		client = newClient(at, c.Timeout)
	}
	return read(client.Do(req))
}

func read(res *http.Response, err error) answer {
	if err != nil {
		return answer{err: err}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return answer{err: err}
	}
	return answer{status: res.StatusCode, header: res.Header, body: string(body)}
}

// raw sends bytes that no HTTP client would send.
func (c *campaign) raw(ctx context.Context, text string) answer {
	at, err := url.Parse(c.URL)
	if err != nil {
		return answer{err: err}
	}
	conn, err := c.dial(ctx, at)
	if err != nil {
		return answer{err: err}
	}
	defer conn.Close() //nolint:errcheck // Everything has been read.
	if err := conn.SetDeadline(time.Now().Add(c.Timeout)); err != nil {
		return answer{err: err}
	}
	if _, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		return answer{err: err}
	}
	got := read(http.ReadResponse(bufio.NewReader(conn), nil))
	c.seen = append(c.seen, exchange{request{method: "raw", path: text}, got})
	return got
}

// dial connects to the service.
func (c *campaign) dial(ctx context.Context, at *url.URL) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: c.Timeout}).DialContext(ctx, "tcp", addressOf(at))
	if err != nil {
		return nil, fmt.Errorf("connect to the service: %w", err)
	}
	if config := tlsConfig(at, at.Hostname()); config != nil {
		return tls.Client(conn, config), nil
	}
	return conn, nil
}
