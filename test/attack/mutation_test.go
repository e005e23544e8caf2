package attack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

// mutation is a way to break the service, and what the suite must say then.
type mutation struct {
	name  string
	edits []edit
	// unsafe are the attacks that must come through; where there are none, a second
	// defence must hold.
	unsafe []int
	// also are further attacks to run.
	also []int
	// brief is for those that -short leaves in.
	brief bool
}

// theServer and theProbe are the commands that are built: the reference service,
// and a program that attacks by its own library, for what no client can send.
const (
	theServer = "./server"
	theProbe  = "./test/attack/probe"
)

// atOnce bounds how many builds, servers and databases there are at a time: one
// waits for the compiler while the other one attacks.
var atOnce = max(2, runtime.NumCPU())

// attackTimeout bounds one run of the suite: what is broken may also hang.
const attackTimeout = 3 * time.Minute

// TestSuiteBites breaks the service on purpose, in many ways, one after the other:
// a suite that calls any of them safe proves nothing.
func TestSuiteBites(t *testing.T) {
	t.Parallel()
	server := filepath.Join(t.TempDir(), "server")
	build(t, theServer, server, "")
	turns := make(chan struct{}, atOnce)
	each := func(name string, brief bool, try func(t *testing.T)) {
		if testing.Short() && !brief {
			return
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turns <- struct{}{}
			defer func() { <-turns }()
			try(t)
		})
	}
	each("control", true, func(t *testing.T) { control(t, server) })
	for _, m := range slices.Concat(ofRequests(), ofCredentials(), ofAnswers(), ofUnrest(), ofFirstDefences()) {
		each(m.name, m.brief, func(t *testing.T) {
			binary := filepath.Join(t.TempDir(), "server")
			build(t, theServer, binary, overlay(t, m.edits))
			m.check(t, run(t, m.target(newWorld(t, binary).target(t))))
		})
	}
	for _, m := range slices.Concat(ofLibrary(), ofLibraryUnrest(), ofLibraryFirstDefences()) {
		each(m.name, m.brief, func(t *testing.T) {
			probe := filepath.Join(t.TempDir(), "probe")
			build(t, theProbe, probe, overlay(t, m.edits))
			m.check(t, runProbe(t, probe, m.target(newWorld(t, server).target(t))))
		})
	}
	for _, b := range brokenDatabases() {
		each(b.name, b.brief, func(t *testing.T) {
			w := newWorld(t, server)
			b.breakIt(t, w)
			m := mutation{unsafe: b.unsafe}
			m.check(t, run(t, m.target(w.target(t))))
		})
	}
}

// control shows that by the same ways, and by the same attacks, what is not broken
// is safe.
func control(t *testing.T, server string) {
	t.Helper()
	all := map[int]bool{}
	for _, m := range slices.Concat(ofRequests(), ofCredentials(), ofAnswers(), ofUnrest(), ofLibrary(), ofLibraryUnrest()) {
		for _, n := range m.unsafe {
			all[n] = true
		}
	}
	for _, b := range brokenDatabases() {
		for _, n := range b.unsafe {
			all[n] = true
		}
	}
	probe := filepath.Join(t.TempDir(), "probe")
	build(t, theProbe, probe, overlay(t, []edit{{file: "tenant/db.go", old: "package tenant\n", new: "package tenant\n"}}))
	numbers := slices.Sorted(maps.Keys(all))
	for name, attackIt := range map[string]func(*testing.T, attack.Target) *attack.Report{
		"from here": run, "by the probe": func(t *testing.T, target attack.Target) *attack.Report { return runProbe(t, probe, target) },
	} {
		target := newWorld(t, server).target(t) // Some attacks leave a tenant dead.
		target.Only = numbers
		wantSafe(t, name, attackIt(t, target))
	}
}

func wantSafe(t *testing.T, name string, report *attack.Report) {
	t.Helper()
	for _, r := range report.Unsafe() {
		t.Errorf("%s, attack %d, %s: sent %s, came back %s", name, r.Attack, r.Case, r.Sent, r.Got)
	}
	t.Logf("%s: %s", name, report.Summary())
}

// target is the attacks that matter to a mutation. What is never refused is not
// waited for.
func (m mutation) target(target attack.Target) attack.Target {
	target.Reaction = time.Second
	target.Only = slices.Concat(m.unsafe, m.also)
	return target
}

// check wants each of the attacks to have come through, and says by which attempt
// first; and none of all where there should be none.
func (m mutation) check(t *testing.T, report *attack.Report) {
	t.Helper()
	if len(m.unsafe) == 0 {
		wantSafe(t, m.name, report)
		return
	}
	for _, number := range m.unsafe {
		found := slices.DeleteFunc(report.Unsafe(), func(r attack.Result) bool { return r.Attack != number })
		if len(found) == 0 {
			t.Errorf("attack %d does not see it; the suite says: %s", number, report.Summary())
			continue
		}
		t.Logf("attack %d came through %d times; %s: sent %s, came back %s", number, len(found), found[0].Case, found[0].Sent, found[0].Got)
	}
}

func run(t *testing.T, target attack.Target) *attack.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), attackTimeout)
	defer cancel()
	report, err := attack.Run(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// runProbe runs the suite in a process of its own, which can't sign tokens.
func runProbe(t *testing.T, probe string, target attack.Target) *attack.Report {
	t.Helper()
	text, err := json.Marshal(target)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), attackTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, probe)
	var out, failure bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, &failure
	if err := cmd.Run(); err != nil {
		t.Fatalf("the probe: %v\n%s", err, &failure)
	}
	report := &attack.Report{}
	if err := json.Unmarshal(out.Bytes(), report); err != nil {
		t.Fatal(err)
	}
	return report
}
