package mail_test

import (
	"context"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/mail"
)

func TestSMTP(t *testing.T) {
	t.Parallel()
	addr, got := server{auth: true}.start(t)
	m, err := mail.SMTP("smtp://user:s3cret@" + addr + "?from=service@app.example")
	if err != nil {
		t.Fatal(err)
	}
	const text = "Grüße,\n.\nand a line that is longer than what a line of mail may be, which is told here only to be that long.\n"
	if err := m(t.Context(), mail.Message{ID: "signup-7", To: "kim@Acme.example", Subject: "Grüße", Text: text}); err != nil {
		t.Fatal(err)
	}
	told := got()
	joined := strings.Join(told.clear, "\n")
	for _, want := range []string{"AUTH PLAIN ", "MAIL FROM:<service@app.example>", "RCPT TO:<kim@acme.example>"} {
		if !strings.Contains(joined, want) {
			t.Errorf("no %s in\n%s", want, joined)
		}
	}
	parsed, err := netmail.ReadMessage(strings.NewReader(told.message))
	if err != nil {
		t.Fatal(err)
	}
	if id := parsed.Header.Get("Message-ID"); id != "<signup-7@app.example>" {
		t.Errorf("Message-ID %s", id)
	}
	subject, err := (&mime.WordDecoder{}).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil || subject != "Grüße" {
		t.Errorf("%q, %v", subject, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(parsed.Body))
	if want := strings.ReplaceAll(text, "\n.\n", "\n..\n"); err != nil || strings.TrimSpace(strings.ReplaceAll(string(body), "\r\n", "\n")) != strings.TrimSpace(want) {
		t.Errorf("%q, %v", body, err)
	}
}

// What a server says of a recipient is not for the log.
func TestSMTPRefusal(t *testing.T) {
	t.Parallel()
	addr, _ := server{}.start(t)
	m, err := mail.SMTP("smtp://" + addr + "?from=service@app.example")
	if err != nil {
		t.Fatal(err)
	}
	err = m(t.Context(), mail.Message{To: "nobody@acme.example", Subject: "Hello"})
	if err == nil || strings.Contains(err.Error(), "nobody") || !strings.Contains(err.Error(), "550") {
		t.Errorf("%v", err)
	}
}

// No error shows the password, and nobody writes a header or a recipient of their own.
func TestSMTPErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "http://host?from=a@b.example", "smtp://?from=a@b.example", "smtp://host", "smtp://host?from=nobody", "smtp://host/path?from=a@b.example",
		"smtp://user:s3cret@host:port?from=a@b.example",
	} {
		if _, err := mail.SMTP(text); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", text, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := mail.SMTP("smtp://127.0.0.1:1?from=a@b.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, message := range map[string]mail.Message{
		"canceled":           {To: "kim@acme.example"},
		"two lines":          {To: "kim@acme.example", Subject: "a\r\nBcc: b@c.example"},
		"a second recipient": {To: "kim@acme.example>\r\nRCPT TO:<b@c.example"},
	} {
		if err := m(ctx, message); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"kim@acme.example": "kim@acme.example", " Kim.Lee+x@ACME.Example\n": "Kim.Lee+x@acme.example",
		"": "", "kim": "", "@acme.example": "", "kim@": "", "Kim <kim@acme.example>": "", "a@b.example,c@d.example": "", "a@b.example\nBcc: c@d.example": "",
		`"a b"@c.example`: "", "kïm@acme.example": "", strings.Repeat("a", 250) + "@b.example": "", "kim@[127.0.0.1]": "",
	} {
		if got, err := mail.ParseAddress(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
