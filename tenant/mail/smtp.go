package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// sendTimeout bounds one mail, from the connection on.
const sendTimeout = 15 * time.Second

// relay is an SMTP server that takes mail for everybody.
type relay struct {
	host, addr string
	// implicit is TLS from the first byte; otherwise STARTTLS is demanded, unless
	// the server is on this machine.
	implicit, local bool
	tls             *tls.Config
	auth            smtp.Auth
	from            string
}

// SMTP makes a [Sender] of an SMTP server, by a URL as MAIL_URL has it:
//
//	smtp://user:password@mail.example:587?from=service@app.example
//	smtps://user:password@mail.example:465?from=service@app.example
//
// With smtp, STARTTLS is demanded of every server but one on a loopback address. A
// certificate must be good for the host, wherever there is one.
// Each message has a connection of its own. Errors hold neither the password nor
// whom the mail is for.
func SMTP(text string) (Sender, error) {
	r, err := newRelay(text)
	if err != nil {
		return nil, err
	}
	return r.send, nil
}

func newRelay(text string) (*relay, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Hostname() == "" || (u.Path != "" && u.Path != "/") {
		return nil, errors.New("want smtp://user:password@host:587?from=service@app.example, or smtps:// and port 465")
	}
	r := &relay{host: u.Hostname(), implicit: u.Scheme == "smtps"}
	r.tls = &tls.Config{ServerName: r.host, MinVersion: tls.VersionTLS12}
	port := u.Port()
	switch {
	case port == "" && r.implicit:
		port = "465"
	case port == "":
		port = "587"
	}
	r.addr = net.JoinHostPort(r.host, port)
	addr, err := netip.ParseAddr(r.host)
	r.local = r.host == "localhost" || err == nil && addr.IsLoopback()
	if r.from, err = ParseAddress(u.Query().Get("from")); err != nil {
		return nil, fmt.Errorf("from, whom the mail is from: %w", err)
	}
	if user := u.User; user != nil {
		password, _ := user.Password()
		r.auth = smtp.PlainAuth("", user.Username(), password, r.host)
	}
	return r, nil
}

func (r *relay) send(ctx context.Context, m Message) error {
	to, err := ParseAddress(m.To)
	if err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	text, err := r.compose(to, m)
	if err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err = r.deliver(ctx, to, text)
	if answer, ok := errors.AsType[*textproto.Error](err); ok { // Its text may hold the address.
		return fmt.Errorf("send mail by %s: the server answered %d", r.addr, answer.Code)
	}
	if err != nil {
		return fmt.Errorf("send mail by %s: %w", r.addr, err)
	}
	return nil
}

func (r *relay) deliver(ctx context.Context, to string, text []byte) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.addr)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) }) // What is under way ends with an error.
	defer stop()
	talk := conn
	if r.implicit {
		talk = tls.Client(conn, r.tls)
	}
	client, err := smtp.NewClient(talk, r.host)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer func() { _ = client.Close() }() // Quit has closed it already.
	if err := r.begin(client); err != nil {
		return err
	}
	if err := client.Mail(r.from); err != nil {
		return err
	}
	if err := client.Rcpt(to); err != nil {
		return err
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = client.Quit() // The mail is taken; an error would have it sent again.
	return nil
}

// begin makes the connection a secret one, and says who is there.
func (r *relay) begin(client *smtp.Client) error {
	if offered, _ := client.Extension("STARTTLS"); offered && !r.implicit {
		if err := client.StartTLS(r.tls); err != nil {
			return err
		}
	} else if !r.implicit && !r.local {
		return errors.New("the server offers no STARTTLS, and mail holds secrets: use a server that does")
	}
	if r.auth == nil {
		return nil
	}
	return client.Auth(r.auth)
}

// compose writes a message of one part. Nothing in it can begin a header of its own.
func (r *relay) compose(to string, m Message) ([]byte, error) {
	if strings.ContainsAny(m.Subject, "\r\n") {
		return nil, errors.New("the subject must be one line")
	}
	_, domain, _ := strings.Cut(r.from, "@")
	var b bytes.Buffer
	for _, header := range [][2]string{
		{"From", r.from}, {"To", to}, {"Subject", mime.QEncoding.Encode("utf-8", m.Subject)},
		{"Date", time.Now().UTC().Format(time.RFC1123Z)}, {"Message-ID", "<" + messageID(m) + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(header[0] + ": " + header[1] + "\r\n")
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(strings.ReplaceAll(m.Text, "\r\n", "\n"))); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// messageID is the message's own, as far as it fits into a header.
func messageID(m Message) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return -1
	}, m.ID)
	if plain == "" || plain != m.ID {
		return strings.ToLower(rand.Text())
	}
	return plain
}
