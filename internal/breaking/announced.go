package breaking

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// readAnnounced reads the file of announced changes, which may be absent: in each
// line the text of a change, " # " and the reason. Lines that begin with # are
// comments.
func readAnnounced(p *project.Project) (reasons map[string]string, found diag.List, err error) {
	text, err := os.ReadFile(p.Abs(p.Announced))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("read the announced changes: %w", err)
	}
	reasons, number := map[string]string{}, 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		change, reason, _ := strings.Cut(line, " # ")
		if reason = strings.TrimSpace(reason); reason == "" {
			found = append(found, diag.Diagnostic{
				File: p.Announced, Line: number, Rule: ruleReason,
				Message: fmt.Sprintf("%q is announced without a reason", strings.TrimSuffix(change, " #")),
				Mend:    "end the line with # and the reason",
			})
			continue
		}
		reasons[announcement(change)] = reason
	}
	return reasons, found, nil
}

// announcement is a change's text as it is compared.
func announcement(text string) string {
	return strings.ToLower(oneLineText(text))
}
