// Package docs_test does what the pages say: every code block of README.md and of
// docs/tasks is run, or written, or compared, in the order of the page.
//
// A block's info string says what it is. Renderers show only its first word.
//
//	sh                        commands; they must succeed, or end with exit=N
//	console                   the same with "$ " before commands, and what these print
//	output                    the commands before it print this; ... matches anything
//	LANG file=PATH            the text of a new file
//	LANG file=PATH append     is added at the end of the file
//	LANG file=PATH under=KEY  is added at the end of a top-level key of a YAML file
//	LANG file=PATH after="x"  is added after the first line that holds x
//	LANG file=PATH instead="x" takes the place of the lines from the first that holds
//	                          x to the next empty one
//	LANG file=PATH excerpt    is found in the file
//	sql superuser             runs on the page's own server
//	text commands             lines that begin with commands of the tool
//
// An HTML comment "run:", or "run exit=1:", holds commands that readers need not
// see, such as an edit that the text describes. What is replaced before it runs,
// such as ports and the addresses of servers, stands in server_test.go.
package docs_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// block is one code block of a page.
type block struct {
	line  int
	lang  string
	attrs map[string]string // append, exit=N, file=..., and so on
	text  string
}

var attr = regexp.MustCompile(`([a-z]+)(?:="([^"]*)"|=(\S+))?(?:\s+|$)`)

// parse finds the blocks of a page, in their order.
func parse(page string) ([]block, error) {
	var blocks []block
	var open *block
	end := ""
	for i, line := range strings.Split(page, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open != nil && trimmed == end:
			blocks, open = append(blocks, *open), nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(trimmed, "```"):
			b, err := newBlock(i+1, strings.TrimLeft(trimmed, "`"))
			if err != nil {
				return nil, err
			}
			open, end = &b, trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
		case strings.HasPrefix(trimmed, "<!-- run") && strings.HasSuffix(trimmed, ":"):
			b, err := newBlock(i+1, "sh"+strings.TrimSuffix(strings.TrimPrefix(trimmed, "<!-- run"), ":"))
			if err != nil {
				return nil, err
			}
			open, end = &b, "-->"
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block has no end", open.line)
	}
	return blocks, nil
}

func newBlock(line int, info string) (block, error) {
	lang, rest, _ := strings.Cut(strings.TrimSpace(info), " ")
	b := block{line: line, lang: lang, attrs: map[string]string{}}
	for _, m := range attr.FindAllStringSubmatch(rest, -1) {
		b.attrs[m[1]] = m[2] + m[3]
	}
	known := lang == "sh" || lang == "console" || lang == "output"
	for _, name := range []string{"file", "superuser", "commands"} {
		_, has := b.attrs[name]
		known = known || has
	}
	if !known {
		return b, fmt.Errorf("line %d: nobody tests this %q block: say which file it is, or that it is output", line, info)
	}
	return b, nil
}

// matches compares output with what a page shows: ... stands for anything, also
// for whole lines. Space at the end of lines, and the numbers of lines in files,
// do not count.
func matches(got, want string) bool {
	pattern := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(tidy(want)), `\.\.\.`, ".*") + "$"
	return regexp.MustCompile(pattern).MatchString(tidy(got))
}

var lineNumber = regexp.MustCompile(`(\.(?:yaml|sql|go)):(?:\d+|\.\.\.)(?::\d+)?`)

func tidy(text string) string {
	lines := strings.Split(strings.TrimSpace(lineNumber.ReplaceAllString(text, "$1:1")), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	return strings.Join(lines, "\n")
}

// edit does to a file's text what a block says.
func edit(text string, b block) (string, error) {
	if key, ok := b.attrs["under"]; ok {
		return under(text, key, b.text)
	}
	if mark, ok := b.attrs["after"]; ok {
		at, end, err := lineWith(text, mark)
		if err != nil || at < 0 {
			return "", err
		}
		return text[:end] + b.text + text[end:], nil
	}
	if mark, ok := b.attrs["instead"]; ok {
		at, _, err := lineWith(text, mark)
		if err != nil {
			return "", err
		}
		rest := ""
		if blank := strings.Index(text[at:], "\n\n"); blank >= 0 {
			rest = text[at+blank+1:]
		}
		return text[:at] + b.text + rest, nil
	}
	if _, ok := b.attrs["append"]; ok {
		return strings.TrimRight(text, "\n") + "\n\n" + b.text, nil
	}
	if _, ok := b.attrs["excerpt"]; ok {
		if !strings.Contains(squeeze(text), squeeze(b.text)) {
			return "", fmt.Errorf("the file does not hold this text")
		}
		return text, nil
	}
	return b.text, nil
}

func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }

// lineWith finds where the first line that holds a text begins and ends.
func lineWith(text, mark string) (start, end int, err error) {
	at := strings.Index(text, mark)
	if at < 0 {
		return 0, 0, fmt.Errorf("no line of the file holds %q", mark)
	}
	start = strings.LastIndexByte(text[:at], '\n') + 1
	end = at + strings.IndexByte(text[at:]+"\n", '\n') + 1
	return start, min(end, len(text)), nil
}

// under adds text at the end of a top-level key, before the next one.
func under(text, key, added string) (string, error) {
	lines := strings.SplitAfter(text, "\n")
	in := false
	for i, line := range lines {
		top := line != "" && !strings.ContainsAny(line[:1], " #\n-}")
		switch {
		case strings.HasPrefix(line, key+":"):
			in = true
		case in && top:
			head := strings.TrimRight(strings.Join(lines[:i], ""), "\n")
			return head + "\n" + added + "\n" + strings.Join(lines[i:], ""), nil
		}
	}
	if !in {
		return "", fmt.Errorf("the file has no key %s", key)
	}
	return strings.TrimRight(text, "\n") + "\n" + added, nil
}

func TestParse(t *testing.T) {
	t.Parallel()
	blocks, err := parse("Text\n```sh exit=1\nls\n```\n<!-- run:\ncd x\n-->\n```go file=a/b.go after=\"x y\"\npackage b\n```\n")
	if err != nil || len(blocks) != 3 {
		t.Fatal(err, blocks)
	}
	if blocks[0].attrs["exit"] != "1" || blocks[1].text != "cd x\n" || blocks[2].attrs["after"] != "x y" || blocks[2].attrs["file"] != "a/b.go" {
		t.Errorf("%+v", blocks)
	}
	for _, page := range []string{"```\nwhat\n```\n", "```go\nx\n```\n", "```sh\nls\n"} {
		if _, err := parse(page); err == nil {
			t.Errorf("accepted %q", page)
		}
	}
}

func TestEdit(t *testing.T) {
	t.Parallel()
	const yaml = "a: 1\npaths:\n  /x: {}\n\n# next\nrest: {}\n"
	for _, c := range []struct{ info, text, added, want string }{
		{"yaml file=f", "old\n", "new\n", "new\n"},
		{"yaml file=f append", "old\n\n\n", "new\n", "old\n\nnew\n"},
		{"yaml file=f under=paths", yaml, "  /y: {}\n", "a: 1\npaths:\n  /x: {}\n\n# next\n  /y: {}\n\nrest: {}\n"},
		{"yaml file=f under=rest", "rest:\n  a: 1\n", "  b: 2\n", "rest:\n  a: 1\n  b: 2\n"},
		{"go file=f after=\"two\"", "one\ntwo\nthree\n", "new\n", "one\ntwo\nnew\nthree\n"},
		{"go file=f instead=\"two\"", "one\ntwo\nthree\n\nfour\n", "new\n", "one\nnew\n\nfour\n"},
		{"go file=f excerpt", "one\n\ttwo\n", "one two\n", "one\n\ttwo\n"},
	} {
		b, err := newBlock(1, c.info)
		if err != nil {
			t.Fatal(err)
		}
		b.text = c.added
		got, err := edit(c.text, b)
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %q", c.info, err, got)
		}
	}
	for _, info := range []string{"go file=f excerpt", "go file=f after=none", "go file=f instead=none", "yaml file=f under=none"} {
		b, _ := newBlock(1, info)
		b.text = "new"
		if got, err := edit("old\n", b); err == nil {
			t.Errorf("%s: %q", info, got)
		}
	}
	if !matches("a 12 c\nd\n", "a ... c  \nd") || matches("a\nb\n", "a") || !matches("1\n2\n3\n", "1\n...\n3") {
		t.Error("matches")
	}
}
