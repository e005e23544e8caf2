package operate_test

import (
	"bufio"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// mailServer takes all mail, as much of SMTP as that needs.
type mailServer struct {
	addr string

	mu   sync.Mutex
	mail map[string]string // The last text, by address.
}

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{addr: l.Addr().String(), mail: map[string]string{}}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { s.talk(t, conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		group.Wait()
	})
	return s
}

func (s *mailServer) talk(t *testing.T, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 here")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch word, _, _ := strings.Cut(lines.Text(), " "); word {
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for lines.Scan() && lines.Text() != "." {
				text.WriteString(strings.TrimPrefix(lines.Text(), ".") + "\r\n")
			}
			s.take(t, text.String())
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) take(t *testing.T, text string) {
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Error(err)
		return
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail[m.Header.Get("To")] = strings.ReplaceAll(string(body), "\r\n", "\n")
}

var tokenForm = regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{43}$`)

// token is the one in the last mail to an address. Mail is taken before the
// request that sent it is answered.
func (s *mailServer) token(t *testing.T, to string) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	token := tokenForm.FindString(s.mail[to])
	if token == "" {
		t.Fatalf("no mail with a token went to %s: %s", to, s.mail[to])
	}
	return token
}
