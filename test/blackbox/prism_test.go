package blackbox_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// throughPrism puts Prism between the clients and the service when BLACKBOX_PRISM
// names its command. Prism holds every request and every answer against
// openapi.yaml, as somebody else understands it, and answers what does not fit
// with a problem of its own; so the scenario runs as always.
func throughPrism(t *testing.T, clients ...*client) {
	t.Helper()
	command := os.Getenv("BLACKBOX_PRISM")
	if command == "" {
		return
	}
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	out := &journal{}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, command, "proxy", "--errors", "--cors=false", "--host", "127.0.0.1", "--port", port, "../../openapi.yaml", "http://"+server.addr)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, childAttr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(startTimeout); !strings.Contains(out.String(), "Prism is listening"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Prism does not start:\n%s", out)
		}
	}
	direct := make([]client, len(clients))
	for i, c := range clients {
		direct[i] = client{base: c.base, http: c.http}
		c.base = "http://" + addr
		c.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableCompression: true}}
	}
	awake(t, clients[0])
	t.Cleanup(func() {
		for i, c := range clients {
			c.http.CloseIdleConnections()
			c.base, c.http = direct[i].base, direct[i].http
		}
		cancel()
		_ = cmd.Wait() // It was killed.
		if text := out.String(); strings.Contains(text, "Violation") {
			t.Errorf("Prism reports:\n%s", text)
		}
		t.Logf("Prism saw %d requests", strings.Count(out.String(), "Request received"))
	})
}

// awake proves that Prism holds bodies against the document, for it lets through
// what it does not understand.
func awake(t *testing.T, c *client) {
	t.Helper()
	for op, wrong := range map[string]string{"createProvider": `{"kind":"mainframe"}`, "updateProvider": `{"alias":5}`} {
		req := request{op: op, path: map[string]string{"provider_id": nobodys}, body: []byte(wrong)}
		a := c.send(t, c.ops[op].method, c.ops[op].target(req.path, nil), c.headers(c.ops[op], req), req.body)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), "stoplight.io/prism") {
			t.Errorf("Prism lets %s through as %s: %d %s", wrong, c.ops[op].contentType(), a.status, a.body)
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}()
	return fmt.Sprint(listener.Addr())
}
