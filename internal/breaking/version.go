package breaking

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// verdict is what two versions of a document say of breaking changes between.
type verdict struct {
	raised bool
	mend   string // what to write when it is not raised
}

// compareVersions tells whether the major version was raised; of a version 0 the
// minor, which is what may break by semantic versioning.
func compareVersions(before, after string) verdict {
	from, to := canonical(before), canonical(after)
	if !semver.IsValid(from) {
		return verdict{mend: fmt.Sprintf("give the API semantic versions (info.version was %q), whose major tells clients", before)}
	}
	numbers := strings.Split(strings.TrimPrefix(semver.Canonical(from), "v"), ".")
	major, minor := number(numbers[0]), number(numbers[1])
	v := verdict{mend: fmt.Sprintf("raise info.version, which was %s, to %d.0.0", before, major+1)}
	same := semver.Major
	if major == 0 {
		v.mend = fmt.Sprintf("raise info.version, which was %s, to 0.%d.0", before, minor+1)
		same = semver.MajorMinor
	}
	v.raised = semver.IsValid(to) && semver.Compare(same(to), same(from)) > 0
	return v
}

func canonical(version string) string { return "v" + strings.TrimPrefix(version, "v") }

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0 // it is beyond an int, and a mend need not be right then
	}
	return n
}
