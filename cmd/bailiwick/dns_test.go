//go:build cgo

package main

import (
	"context"
	"net"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// nameServer is a DNS server that knows TXT records only.
type nameServer struct {
	server  *dns.Server
	records sync.Map // names with a dot at their end, to texts
}

// startDNS gives a script a DNS server, whose address is $DNS.
func startDNS(env *testscript.Env) error {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	n := &nameServer{}
	started := make(chan struct{})
	n.server = &dns.Server{PacketConn: conn, Handler: n, NotifyStartedFunc: func() { close(started) }}
	done := make(chan error, 1)
	go func() { done <- n.server.ActivateAndServe() }()
	select {
	case <-started:
	case err := <-done:
		return err
	}
	env.Defer(func() {
		_ = n.server.Shutdown()
		<-done
	})
	env.Setenv("DNS", conn.LocalAddr().String())
	env.Values[nameServerKey{}] = n
	return nil
}

type nameServerKey struct{}

// ServeDNS implements dns.Handler.
func (n *nameServer) ServeDNS(w dns.ResponseWriter, asked *dns.Msg) {
	answer := new(dns.Msg)
	answer.SetRcode(asked, dns.RcodeNameError)
	if text, ok := n.records.Load(asked.Question[0].Name); ok && asked.Question[0].Qtype == dns.TypeTXT {
		answer.SetReply(asked)
		answer.Answer = []dns.RR{&dns.TXT{
			Hdr: dns.RR_Header{Name: asked.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET},
			Txt: []string{text.(string)},
		}}
	}
	_ = w.WriteMsg(answer)
}

// txtCommand is "txt SLUG HOST": the host's TXT record becomes the token of the
// tenant's claim.
func txtCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: txt SLUG HOST")
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, ts.Getenv("DATABASE_OWNER_URL"))
	ts.Check(err)
	defer func() { _ = conn.Close(ctx) }()
	var token string
	ts.Check(conn.QueryRow(ctx, `
		SELECT d.token FROM bailiwick.domains AS d JOIN public.tenants AS t ON t.id = d.tenant_id
		WHERE t.slug = $1 AND d.host = $2`, args[0], args[1]).Scan(&token))
	ts.Value(nameServerKey{}).(*nameServer).records.Store("_bailiwick."+args[1]+".", token)
}
