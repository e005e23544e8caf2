package attack_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
)

// newMailbox takes mail and forgets it. It returns its address.
func newMailbox(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // The test is over.
			}
			go func() {
				defer conn.Close()
				takeMail(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// takeMail is the server's side of SMTP, as far as it is needed.
func takeMail(conn io.ReadWriter) {
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 mailbox")
	data := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch line := strings.ToUpper(lines.Text()); {
		case data && line == ".":
			data = false
			say("250 taken")
		case data:
		case line == "DATA":
			data = true
			say("354 go on")
		case line == "QUIT":
			say("221 bye")
			return
		default:
			say("250 mailbox")
		}
	}
}
