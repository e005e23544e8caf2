//go:build cgo

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/plan/planfile"
)

// strayFiles notes the plan files that lead to the desired state from where no
// schema is, while one goes a way that was worked out: where they begin may be
// mistyped.
func strayFiles(files plan.Files, made *plan.Fleet) (notes []string) {
	set, _ := files.(planfile.Set)
	for _, file := range set {
		if file.To != made.Desired[file.Scope].Fingerprint {
			continue
		}
		worked, met := false, false
		for _, s := range made.States {
			if s.Scope != file.Scope {
				continue
			}
			worked = worked || s.Plan != nil && s.Plan.WorkedOut() != nil
			met = met || s.Fingerprint == file.From || s.Plan != nil && slices.Contains(strings.Split(s.Plan.Source, ", "), file.Source)
		}
		if worked && !met {
			notes = append(notes, fmt.Sprintf("plan file %s leads to the desired state, but no schema is at %s, where it begins", file.Source, file.From))
		}
	}
	return notes
}
