package planfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// Format writes a plan as a file's text, below comment as comment lines. Parsing
// it gives the plan again, unless people have to see to it first, as far as files hold plans: without differences,
// findings and locks.
func Format(p *plan.Plan, comment string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- bailiwick:plan %s\n-- bailiwick:from %s\n-- bailiwick:to %s\n", p.Scope, p.From, p.To)
	if why := draft(p); why != "" {
		b.WriteString("-- bailiwick:draft " + strconv.Quote(why) + "\n")
	}
	for line := range strings.Lines(comment) {
		b.WriteString(strings.TrimRight("-- "+oneLine(line), " ") + "\n")
	}
	formatSteps(&b, p.Steps, false)
	switch {
	case len(p.Reverse) > 0:
		b.WriteString("\n-- bailiwick:reverse")
		if len(p.Losses) == 1 {
			b.WriteString(" loses " + strconv.Quote(p.Losses[0]))
		}
		b.WriteByte('\n')
		if len(p.Losses) > 1 {
			for _, loss := range p.Losses {
				b.WriteString("-- bailiwick:loses " + strconv.Quote(loss) + "\n")
			}
		}
		formatSteps(&b, p.Reverse, true)
	case p.Irreversible != "":
		b.WriteString("\n-- bailiwick:irreversible " + strconv.Quote(p.Irreversible) + "\n")
	}
	return b.String()
}

// draft says why a plan is not gone by before people have seen to it.
func draft(p *plan.Plan) string {
	switch {
	case len(p.Refused) > 0:
		return "these statements do not lead all the way"
	case len(p.Destroys) > 0:
		return "it destroys data: " + strings.Join(p.Destroys, "; ")
	}
	return ""
}

// formatSteps writes steps. The first needs no directive if it is a transaction.
func formatSteps(b *strings.Builder, steps []plan.Step, headed bool) {
	for i, s := range steps {
		if !headed || i > 0 {
			b.WriteByte('\n')
		}
		switch {
		case s.Kind == plan.Backfill:
			fmt.Fprintf(b, "-- bailiwick:backfill table=%s key=%s batch=%d", word(s.Table), word(s.Key), s.Batch)
			if s.Pause > 0 {
				b.WriteString(" pause=" + s.Pause.String())
			}
			b.WriteByte('\n')
		case s.Kind != plan.InTransaction || i > 0:
			fmt.Fprintf(b, "-- bailiwick:%s\n", s.Kind)
		}
		for _, statement := range s.Statements {
			b.WriteString(bare(statement) + ";\n")
		}
	}
}

// oneLine keeps a comment a comment: PostgreSQL ends it at a carriage return too,
// and names of objects may hold one.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.TrimRight(text, "\r\n"))
}

// bare is a statement without the comments and the semicolon around it.
func bare(statement string) string {
	for _, piece := range lint.Split(lint.File{Text: statement}) {
		if piece.Err == nil && piece.End > piece.Start {
			return statement[piece.Start:piece.End]
		}
	}
	return strings.TrimRight(strings.TrimSpace(statement), "; \t\r\n")
}

var bareWord = regexp.MustCompile(`^[\pL\pN_$.-]+$`)

func word(s string) string {
	if bareWord.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// ErrExists is returned by [Save] when there is a file for the same way already.
var ErrExists = errors.New("there is a plan file already")

// Save writes a plan's file and returns its path within the project. A file that
// is there is never overwritten: people may have changed it.
func Save(p *project.Project, one *plan.Plan, comment string) (file string, err error) {
	if one.Source != "" {
		return one.Source, ErrExists
	}
	dir := p.Plans()
	file = path.Join(dir, Name(one))
	if err := os.MkdirAll(p.Abs(dir), 0o755); err != nil { //nolint:gosec // a project's folder is for its group too
		return "", fmt.Errorf("save the plan: %w", err)
	}
	out, err := os.OpenFile(p.Abs(file), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // likewise
	if errors.Is(err, fs.ErrExist) {
		return file, ErrExists
	}
	if err != nil {
		return "", fmt.Errorf("save the plan: %w", err)
	}
	_, err = out.WriteString(Format(one, comment))
	if err = errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("save %s: %w", file, err)
	}
	return file, nil
}

const (
	maxWords  = 40
	hexDigits = 8
)

// Name makes the name of a plan's file: its scope, its first difference in words,
// and digits that are the same whenever the way is, and never else. There is no
// date in it, so that saving twice gives one file.
func Name(p *plan.Plan) string {
	name := string(p.Scope)
	if len(p.Differences) > 0 {
		d := p.Differences[0]
		verb := "change"
		switch {
		case d.From == "":
			verb = "add"
		case d.To == "":
			verb = "drop"
		}
		name += "-" + slug(fmt.Sprintf("%s %s %s", verb, d.Kind, d.Name))
	}
	if more := len(p.Differences) - 1; more > 0 {
		name += fmt.Sprintf("-and-%d-more", more)
	}
	sum := sha256.Sum256([]byte(string(p.Scope) + "\n" + p.From + "\n" + p.To))
	return name + "-" + hex.EncodeToString(sum[:])[:hexDigits] + ".sql"
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slug(text string) string {
	s := notSlug.ReplaceAllString(strings.ToLower(text), "-")
	return strings.Trim(s[:min(len(s), maxWords)], "-")
}
