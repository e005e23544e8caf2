package doctor_test

import (
	"net"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/doctor"
)

// TestJudge is about figures that the test's own server does not have.
func TestJudge(t *testing.T) {
	t.Parallel()
	j := doctor.Judge
	for _, c := range []struct {
		name   string
		got    doctor.Verdict
		status doctor.Status
		mend   string
	}{
		{"14.22", j.Version(14, 22), doctor.Fail, "PostgreSQL 15 or newer"},
		{"15.9", j.Version(15, 9), doctor.Fail, "newest minor release of PostgreSQL 15"},
		{"15.17", j.Version(15, 17), doctor.Warn, "newest minor"},
		{"15.18", j.Version(15, 18), doctor.OK, ""},
		{"16.5", j.Version(16, 5), doctor.Fail, ""},
		{"17.1", j.Version(17, 1), doctor.Fail, ""},
		{"18.1", j.Version(18, 1), doctor.Warn, ""},
		{"19.0", j.Version(19, 0), doctor.OK, ""},
		{"no room", j.Connections(5, 9), doctor.Fail, "DATABASE_MAX_CONNS"},
		{"room for one", j.Connections(17, 9), doctor.Warn, ""},
		{"room for two", j.Connections(18, 9), doctor.OK, ""},
		{"defaults", j.Locks(6400, 64, 100, 70, 2000), doctor.OK, ""},
		{"many tables", j.Locks(6400, 64, 100, 70, 12000), doctor.Warn, "max_locks_per_transaction = 240"},
		{"a big tenant", j.Locks(6400, 64, 100, 1500, 500), doctor.Fail, "max_locks_per_transaction = 128"},
		{"loopback", j.TLS(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}), doctor.OK, ""},
		{"network", j.TLS(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}), doctor.Warn, "sslmode=verify-full"},
		{"socket", j.TLS(&net.UnixAddr{}), doctor.OK, ""},
		{"same", j.Versions("v1.2.3", "v1.2.3"), doctor.OK, ""},
		{"none", j.Versions("", "v1.2.3"), doctor.Fail, "go get"},
		{"another", j.Versions("v1.2.2", "v1.2.3"), doctor.Fail, "@v1.2.3"},
		{"development", j.Versions("v1.2.2", "(devel)"), doctor.Warn, "go run"},
		{"between releases", j.Versions("v1.2.2", "v1.2.3-0.20260101000000-0123456789ab"), doctor.Warn, ""},
	} {
		if c.got.Status != c.status || !strings.Contains(c.got.Mend, c.mend) {
			t.Errorf("%s: %+v", c.name, c.got)
		}
	}
}
