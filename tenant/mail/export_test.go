package mail

import "crypto/x509"

// SMTPAt is SMTP with a server that is at an address of its own, whatever its host
// is, and whose certificates these authorities issue.
func SMTPAt(text, addr string, roots *x509.CertPool) (Sender, error) {
	r, err := newRelay(text)
	if err != nil {
		return nil, err
	}
	r.addr, r.tls.RootCAs = addr, roots
	return r.send, nil
}
