package mail_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

// server is an SMTP server that takes one mail.
type server struct {
	auth     bool        // it offers AUTH
	tls      *tls.Config // nil: it offers no STARTTLS
	implicit bool        // TLS from the first byte
	starttls string      // what it answers to STARTTLS; empty: it goes ahead
	old      bool        // it knows no EHLO
	rude     bool        // it hangs up once it has the mail
}

// told is what a server heard.
type told struct {
	clear, secret []string // commands without and with TLS
	message       string
}

// hear notes a line that is a command.
func (h *told) hear(conn net.Conn, line string) {
	if _, ok := conn.(*tls.Conn); ok {
		h.secret = append(h.secret, line)
	} else {
		h.clear = append(h.clear, line)
	}
}

// start returns where it listens, and what it was told once the client has left.
func (s server) start(t *testing.T) (addr string, got func() told) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	heard := make(chan told, 1)
	go func() {
		var h told
		defer func() { heard <- h }()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if s.implicit {
			conn = tls.Server(conn, s.tls)
		}
		_, _ = io.WriteString(conn, "220 here\r\n")
		if s.converse(conn, &h) {
			s.converse(tls.Server(conn, s.tls), &h)
		}
	}()
	return l.Addr().String(), func() told { return <-heard }
}

// converse goes on until the client leaves, or wants TLS.
func (s server) converse(conn net.Conn, h *told) (starttls bool) {
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := lines.Text()
		h.hear(conn, line)
		word, _, _ := strings.Cut(line, " ")
		if word == "DATA" {
			_, _ = io.WriteString(conn, "354 go on\r\n")
			for lines.Scan() && lines.Text() != "." {
				h.message += lines.Text() + "\r\n"
			}
		}
		_, _ = io.WriteString(conn, s.answer(conn, word, line)+"\r\n")
		switch {
		case word == "QUIT", word == "DATA" && s.rude:
			return false
		case word == "STARTTLS" && s.starttls == "":
			return true
		}
	}
	return false
}

func (s server) answer(conn net.Conn, word, line string) string {
	switch _, secret := conn.(*tls.Conn); {
	case word == "EHLO" && s.old:
		return "500 what?"
	case word == "EHLO":
		offers := "250-here\r\n"
		if s.tls != nil && !secret {
			offers += "250-STARTTLS\r\n"
		}
		if s.auth {
			offers += "250-AUTH PLAIN\r\n"
		}
		return offers + "250 8BITMIME"
	case word == "STARTTLS" && s.starttls != "":
		return s.starttls
	case word == "STARTTLS":
		return "220 go ahead"
	case word == "AUTH":
		return "235 come in"
	case word == "RCPT" && strings.Contains(line, "nobody"):
		return "550 no such user: " + line
	case word == "QUIT":
		return "221 bye"
	}
	return "250 ok"
}
