package docs_test

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// domains is the page about custom domains: with a DNS server whose TXT records
// hold what the page has written to the file txt.
func (b bench) domains(t *testing.T) []replacement {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	server := &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(b.answerTXT)}
	go func() {
		if err := server.ActivateAndServe(); err != nil {
			t.Error(err)
		}
	}()
	<-started
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return []replacement{{"192.0.2.53:53", conn.LocalAddr().String()}, {"8081", strconv.Itoa(freePort(t))}}
}

func (b bench) answerTXT(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(r)
	q := r.Question[0]
	text, err := os.ReadFile(b.dir + "/txt")
	if err != nil || q.Qtype != dns.TypeTXT || !strings.HasPrefix(q.Name, "_bailiwick.") {
		m.Rcode = dns.RcodeNameError
	} else {
		m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET}, Txt: []string{strings.TrimSpace(string(text))}}}
	}
	_ = w.WriteMsg(m)
}
