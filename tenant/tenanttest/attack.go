package tenanttest

import (
	"bytes"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

// Attack runs the suite of attacks of package [attack] against a service, logs
// its table, and fails the test for each attempt that came through, and where there
// was none. The service
// needs two tenants with data, on a database that nobody needs.
func Attack(t testing.TB, target attack.Target) *attack.Report {
	t.Helper()
	report, err := attack.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := report.Write(&table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	if report.Attempts() == 0 {
		t.Error("nothing was tried; the table says what the attacks need")
	}
	for _, r := range report.Unsafe() {
		t.Errorf("attack %d, %s: sent %s, came back %s; safe is: %s", r.Attack, r.Case, r.Sent, r.Got, r.Want)
	}
	return report
}
