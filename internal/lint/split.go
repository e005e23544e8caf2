package lint

import (
	"errors"
	"strings"
	"unicode/utf8"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// statement is one statement of a file, with the comments that belong to it.
type statement struct {
	file     string
	source   string // the whole file
	start    int    // offset of its first token, or of the first comment when there is none
	end      int    // offset behind its last token
	comments []comment
	name     string // the query's name, from "-- name: X :one"
	tree     *pgquery.RawStmt
	more     int // further statements that the parser saw in this one
	err      *diag.Diagnostic
}

// comment is one comment token of a file.
type comment struct {
	start, end int
	text       string
	attached   bool // inside the statement, or in the lines directly above it
}

var (
	errMore = errors.New("more than one statement before the semicolon")
	errNUL  = errors.New("a NUL byte in the file")
	errBOM  = errors.New("the file begins with a byte order mark, which PostgreSQL does not read: save it as UTF-8 without one")
)

// Piece is one statement of a file, where it stands, with the comments before
// and in it. Behind the last statement there may be one of comments alone,
// whose Tree is nil.
type Piece struct {
	// Start and End are offsets of bytes: of the first token, behind the last.
	Start, End int
	Comments   []Span
	Tree       *pgquery.RawStmt
	// Err is what is wrong with the syntax.
	Err *diag.Diagnostic
}

// Span is where a comment begins and ends, in bytes.
type Span struct{ Start, End int }

// Split cuts a file into its statements and parses each.
func Split(f File) []Piece {
	statements := split(f)
	pieces := make([]Piece, 0, len(statements))
	for _, s := range statements {
		p := Piece{Start: s.start, End: s.end, Tree: s.tree, Err: s.err}
		for _, c := range s.comments {
			p.Comments = append(p.Comments, Span{c.start, c.end})
		}
		if s.more > 0 && p.Err == nil {
			p.Err = syntaxError(f, s.start, errMore)
		}
		pieces = append(pieces, p)
	}
	return pieces
}

func splitAll(files []File) []*statement {
	list := make([]*statement, 0, len(files))
	for _, f := range files {
		list = append(list, split(f)...)
	}
	return list
}

// split cuts a file at the semicolons that end a statement, and parses each
// piece alone, so that one syntax error does not hide the other findings.
func split(f File) []*statement {
	if i := strings.IndexByte(f.Text, 0); i >= 0 {
		// The parser is written in C and would not see what follows.
		return []*statement{{file: f.Name, source: f.Text, err: syntaxError(f, i, errNUL)}}
	}
	if strings.HasPrefix(f.Text, "\ufeff") {
		return []*statement{{file: f.Name, source: f.Text, err: syntaxError(f, 0, errBOM)}}
	}
	tokens, err := Scan(f.Text)
	if err != nil {
		return []*statement{{file: f.Name, source: f.Text, err: syntaxError(f, 0, err)}}
	}
	sp := splitter{file: f}
	for _, t := range tokens.GetTokens() {
		sp.add(t)
	}
	sp.flush()
	for _, s := range sp.list {
		s.parse()
	}
	return sp.list
}

// splitter gathers tokens into statements. It follows parentheses (rules) and
// BEGIN ATOMIC ... END (function bodies), the two places where a semicolon
// does not end a statement.
type splitter struct {
	file   File
	list   []*statement
	cur    *statement
	tokens bool // the current statement has a token that is no comment
	depth  int
	blocks int // open BEGIN ATOMIC and CASE
	begin  bool
}

func (sp *splitter) add(t *pgquery.ScanToken) {
	if sp.cur == nil {
		sp.cur = &statement{file: sp.file.Name, source: sp.file.Text, start: int(t.GetStart())}
	}
	start, end := int(t.GetStart()), int(t.GetEnd())
	switch t.GetToken() {
	case pgquery.Token_SQL_COMMENT, pgquery.Token_C_COMMENT:
		c := comment{start: start, end: end, text: sp.file.Text[start:end], attached: sp.tokens}
		sp.cur.comments = append(sp.cur.comments, c)
		return
	case pgquery.Token_ASCII_59:
		if sp.depth == 0 && sp.blocks == 0 {
			sp.flush()
			return
		}
	default: // a word of the statement
	}
	sp.track(t.GetToken())
	if !sp.tokens {
		sp.tokens = true
		sp.cur.start = start
		sp.cur.attach(start)
	}
	sp.cur.end = end
}

func (sp *splitter) track(t pgquery.Token) {
	switch t {
	case pgquery.Token_ASCII_40:
		sp.depth++
	case pgquery.Token_ASCII_41:
		sp.depth = max(0, sp.depth-1)
	case pgquery.Token_ATOMIC:
		if sp.begin {
			sp.blocks++
		}
	case pgquery.Token_CASE:
		if sp.blocks > 0 {
			sp.blocks++
		}
	case pgquery.Token_END_P:
		sp.blocks = max(0, sp.blocks-1)
	default: // opens and closes nothing
	}
	sp.begin = t == pgquery.Token_BEGIN_P
}

// flush ends the current statement. Comments without a statement stay as one
// without tokens, so that a stray allow comment is still reported.
func (sp *splitter) flush() {
	if sp.cur != nil && (sp.tokens || len(sp.cur.comments) > 0) {
		sp.list = append(sp.list, sp.cur)
	}
	sp.cur, sp.tokens, sp.depth, sp.blocks, sp.begin = nil, false, 0, 0, false
}

// attach marks the comment lines directly above the statement, without a
// blank line between, as belonging to it.
func (s *statement) attach(first int) {
	next := first
	for i := len(s.comments) - 1; i >= 0; i-- {
		c := &s.comments[i]
		gap := s.source[c.end:next]
		lineStart := strings.LastIndexByte(s.source[:c.start], '\n') + 1
		if strings.Count(gap, "\n") > 1 || strings.TrimSpace(s.source[lineStart:c.start]) != "" {
			return
		}
		c.attached = true
		next = c.start
	}
}

// parse fills the tree and the query's name.
func (s *statement) parse() {
	s.name = queryName(s.comments)
	if s.end <= s.start {
		return
	}
	f := File{Name: s.file, Text: s.source}
	result, err := Parse(s.source[s.start:s.end])
	if err != nil {
		s.err = syntaxError(f, s.start, err)
		return
	}
	if n := len(result.GetStmts()); n > 0 {
		s.tree = result.GetStmts()[0]
		s.more = n - 1
	}
}

// queryName reads sqlc's "-- name: GetScan :one".
func queryName(comments []comment) string {
	for _, c := range comments {
		text := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(c.text, "--"), "/*"), " \t")
		rest, ok := strings.CutPrefix(text, "name:")
		if !ok {
			continue
		}
		if fields := strings.Fields(rest); len(fields) > 0 {
			return fields[0]
		}
	}
	return ""
}

func syntaxError(f File, base int, err error) *diag.Diagnostic {
	at := base
	var perr *parser.Error
	if errors.As(err, &perr) && perr.Cursorpos > 0 {
		at += byteOffset(f.Text[base:], perr.Cursorpos-1)
	}
	line, column := position(f.Text, at)
	return &diag.Diagnostic{
		File: f.Name, Line: line, Column: column, Rule: ruleSyntax,
		Message: err.Error(), Mend: "correct the statement; it is read with PostgreSQL 17's grammar",
	}
}

// byteOffset converts PostgreSQL's count of characters into one of bytes.
func byteOffset(text string, chars int) int {
	offset := 0
	for ; chars > 0 && offset < len(text); chars-- {
		_, size := utf8.DecodeRuneInString(text[offset:])
		offset += size
	}
	return offset
}

// position converts an offset into a line and a column in characters, both
// from 1. An offset beyond the text is its end.
func position(text string, offset int) (line, column int) {
	offset = min(max(offset, 0), len(text))
	before := text[:offset]
	last := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[last:]) + 1
}
