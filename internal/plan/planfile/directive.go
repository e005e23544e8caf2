package planfile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

const (
	defaultBatch = 1000
	maxBatch     = 1_000_000
	maxPause     = time.Minute
)

// The names of directives that more than one place knows.
const (
	dirPlan         = "plan"
	dirFrom         = "from"
	dirTo           = "to"
	dirDraft        = "draft"
	dirReverse      = "reverse"
	dirLoses        = "loses"
	dirIrreversible = "irreversible"
	dirBackfill     = "backfill"
)

// directives are all that there are, with the form that a mend shows.
var directives = map[string]string{
	dirPlan:         "-- bailiwick:plan tenant (or public)",
	dirFrom:         "-- bailiwick:from FINGERPRINT",
	dirTo:           "-- bailiwick:to FINGERPRINT",
	dirDraft:        `-- bailiwick:draft "why it is not to be gone by yet"`,
	"transaction":   "-- bailiwick:transaction",
	"outside":       "-- bailiwick:outside",
	dirBackfill:     "-- bailiwick:backfill table=findings key=id batch=1000 pause=50ms",
	dirReverse:      `-- bailiwick:reverse, or -- bailiwick:reverse loses "what is lost"`,
	dirLoses:        `-- bailiwick:loses "what is lost"`,
	dirIrreversible: `-- bailiwick:irreversible "why there is no way back"`,
}

// directive obeys what stands behind "-- bailiwick:".
func (p *parser) directive(line int, text string) {
	name := firstWord(text)
	form, known := directives[name]
	if !known {
		p.reportf(line, ruleDirective, "write "+directives[nearest(name)], "there is no directive bailiwick:%s", name)
		return
	}
	args, err := arguments(strings.TrimPrefix(text, name))
	if err != nil {
		p.reportf(line, ruleDirective, "write "+form, "bailiwick:%s: %v", name, err)
		return
	}
	if name != dirPlan && p.seen[dirPlan] == 0 {
		p.reportf(line, ruleDirective, "begin the file with "+directives[dirPlan], "bailiwick:%s before bailiwick:plan", name)
		p.once(dirPlan, line) // one complaint is enough
	}
	switch name {
	case dirPlan, dirFrom, dirTo:
		p.head(line, name, args)
	case dirDraft:
		p.draft(line, args)
	case dirReverse, dirIrreversible:
		p.back(line, name, args)
	case dirLoses:
		p.loses(line, args)
	default:
		p.step(line, name, args)
	}
}

// head reads the three directives that a file begins with.
func (p *parser) head(line int, name string, args []argument) {
	if !p.once(name, line) {
		return
	}
	if len(p.steps) > 0 || p.reverse {
		p.reportf(line, ruleDirective, "move it to the head of the file", "bailiwick:%s stands behind a statement", name)
	}
	if len(args) != 1 || args[0].key != "" {
		p.reportf(line, ruleDirective, "write "+directives[name], "bailiwick:%s takes one word", name)
		return
	}
	value := args[0].value
	if name == dirPlan {
		p.plan.Scope = plan.Scope(value)
		if p.plan.Scope != plan.Tenant && p.plan.Scope != plan.Public {
			p.reportf(line, ruleDirective, "write "+directives[name], "a plan is for tenant or for public, not for %q", value)
		}
		return
	}
	if !fingerprintForm.MatchString(value) {
		p.reportf(line, ruleFingerprint, "copy it from `bailiwick schema plan`, which shows both", "%q is no fingerprint, which is f1- and 32 digits of 0-9 and a-f", value)
	}
	if name == dirFrom {
		p.plan.From = value
	} else {
		p.plan.To = value
	}
}

// draft refuses a file that nobody has finished or reviewed.
func (p *parser) draft(line int, args []argument) {
	if len(args) != 1 || !args[0].quoted || args[0].value == "" {
		p.reportf(line, ruleDirective, "write "+directives[dirDraft], "bailiwick:draft takes one sentence in quotes")
		return
	}
	p.reportf(line, ruleDraft, "finish and review it, then remove this line; or delete the file", "this is a draft: %s", args[0].value)
}

// back begins the reverse, or says why there is none.
func (p *parser) back(line int, name string, args []argument) {
	if !p.once(name, line) {
		return
	}
	if p.seen[dirReverse] > 0 && p.seen[dirIrreversible] > 0 {
		p.reportf(line, ruleDirective, "keep one of them", "bailiwick:reverse and bailiwick:irreversible in one file")
	}
	if name == dirIrreversible {
		if len(args) != 1 || !args[0].quoted || args[0].key != "" || args[0].value == "" {
			p.reportf(line, ruleDirective, "write "+directives[name], "bailiwick:irreversible takes one sentence in quotes")
			return
		}
		p.plan.Irreversible = args[0].value
		return
	}
	p.section()
	p.reverse = true
	switch {
	case len(args) == 0:
	case args[0] == argument{value: dirLoses}:
		p.loses(line, args[1:])
	default:
		p.reportf(line, ruleDirective, "write "+directives[name], "bailiwick:reverse takes the word loses and sentences in quotes")
	}
}

// loses notes what data the reverse loses.
func (p *parser) loses(line int, args []argument) {
	if !p.reverse {
		p.reportf(line, ruleDirective, "write it below -- bailiwick:reverse", "bailiwick:loses stands before the reverse")
	}
	for _, arg := range args {
		if arg.key != "" || !arg.quoted || arg.value == "" {
			args = nil
			break
		}
		p.plan.Losses = append(p.plan.Losses, arg.value)
	}
	if len(args) == 0 {
		p.reportf(line, ruleDirective, "write "+directives[dirLoses], "what is lost is a sentence in quotes, or some")
	}
}

// step begins a step of a kind.
func (p *parser) step(line int, name string, args []argument) {
	s := plan.Step{Kind: plan.StepKind(name), Line: line}
	if s.Kind == plan.Backfill {
		p.backfill(&s, args)
	} else if len(args) > 0 {
		p.reportf(line, ruleDirective, "write "+directives[name], "bailiwick:%s takes nothing", name)
	}
	p.begin(s)
}

func (p *parser) backfill(s *plan.Step, args []argument) {
	s.Batch = defaultBatch
	seen := map[string]bool{}
	for _, arg := range args {
		if err := setBackfill(s, arg); err != nil || seen[arg.key] {
			if err == nil {
				err = fmt.Errorf("%s stands there twice", arg.key)
			}
			p.reportf(s.Line, ruleBackfill, "write "+directives[dirBackfill], "bailiwick:backfill: %v", err)
		}
		seen[arg.key] = true
	}
	for _, name := range []string{"table", "key"} {
		if !seen[name] {
			p.reportf(s.Line, ruleBackfill, "write "+directives[dirBackfill]+"; the key is a unique column that is NOT NULL",
				"bailiwick:backfill without %s=", name)
		}
	}
}

func setBackfill(s *plan.Step, arg argument) (err error) {
	switch arg.key {
	case "table":
		s.Table = arg.value
	case "key":
		s.Key = arg.value
	case "batch":
		if s.Batch, err = strconv.Atoi(arg.value); err != nil || s.Batch < 1 || s.Batch > maxBatch {
			return fmt.Errorf("batch is a number of rows from 1 to %d, not %q", maxBatch, arg.value)
		}
	case "pause":
		if s.Pause, err = time.ParseDuration(arg.value); err != nil || s.Pause < 0 || s.Pause > maxPause {
			return fmt.Errorf("pause is a time of at most %s, such as 50ms, not %q", maxPause, arg.value)
		}
	default:
		return fmt.Errorf("it takes table, key, batch and pause, not %q", strings.TrimSpace(arg.key+" "+arg.value))
	}
	if arg.value == "" {
		return fmt.Errorf("%s is empty", arg.key)
	}
	return nil
}

// argument is a word behind a directive: value, key=value, "value" or key="value".
type argument struct {
	key, value string
	quoted     bool
}

// arguments reads words; quotes are those of Go.
func arguments(text string) (list []argument, err error) {
	for {
		text = strings.TrimLeft(text, " \t\r")
		if text == "" {
			return list, nil
		}
		var arg argument
		if equals := strings.IndexAny(text, "= \t\r\""); equals > 0 && text[equals] == '=' {
			arg.key, text = text[:equals], text[equals+1:]
		}
		if strings.HasPrefix(text, `"`) {
			prefix, err := strconv.QuotedPrefix(text)
			if err != nil {
				return nil, fmt.Errorf("the quotes in %s do not match", text)
			}
			if arg.value, err = strconv.Unquote(prefix); err != nil {
				return nil, fmt.Errorf("%s: %w", prefix, err)
			}
			arg.quoted, text = true, text[len(prefix):]
		} else {
			end := strings.IndexAny(text+" ", " \t\r")
			arg.value, text = text[:end], text[end:]
		}
		list = append(list, arg)
	}
}

// nearest is the directive whose name is most like the given one.
func nearest(name string) string {
	names := slices.Sorted(maps.Keys(directives))
	return slices.MinFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
}

// distance counts the letters to change, add or remove between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
