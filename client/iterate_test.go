package client_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/client"
)

// collect walks to the end, or to the first n values if n is not zero.
func collect[T any](all iter.Seq2[T, error], n int) (values []T, err error) {
	for value, err := range all {
		if err != nil {
			return values, err
		}
		values = append(values, value)
		if len(values) == n {
			break
		}
	}
	return values, nil
}

func TestPages(t *testing.T) {
	t.Parallel()
	var asked []string
	pages := client.Pages(func(cursor string) ([]int, string, error) {
		asked = append(asked, cursor)
		switch cursor {
		case "":
			return []int{1, 2}, "b", nil
		case "b":
			return nil, "c", nil // A page may be empty and not the last.
		default:
			return []int{3}, "", nil
		}
	})
	for range 2 { // A walk may be made again.
		got, err := collect(pages, 0)
		if diff := cmp.Diff([]int{1, 2, 3}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if diff := cmp.Diff([]string{"", "b", "c", "", "b", "c"}, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	asked = nil
	if got, err := collect(pages, 2); err != nil || len(got) != 2 || len(asked) != 1 {
		t.Errorf("a walk that stops early asked %q: %v %v", asked, got, err)
	}
}

func TestPagesEnd(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	got, err := collect(client.Pages(func(cursor string) ([]int, string, error) {
		if cursor != "" {
			return nil, "", broken
		}
		return []int{1}, "b", nil
	}), 0)
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("%v %v", got, err)
	}
	got, err = collect(client.Pages(func(string) ([]int, string, error) { return []int{1}, "b", nil }), 0)
	if err == nil || !strings.Contains(err.Error(), "the same page again") || len(got) != 2 {
		t.Errorf("%v %v", got, err)
	}
}

type line struct{ N int }

func TestLines(t *testing.T) {
	t.Parallel()
	const good = "{\"n\":1}\r\n\n{\"n\":2}\n"
	for name, c := range map[string]struct {
		mediaType, body string
		cut             bool
		want            []line
		text            string
	}{
		"lines":                    {client.LinesType, good, false, []line{{1}, {2}}, ""},
		"with a charset":           {client.LinesType + "; charset=utf-8", good, false, []line{{1}, {2}}, ""},
		"nothing":                  {client.LinesType, "", false, nil, ""},
		"without the last newline": {client.LinesType, `{"n":1}`, false, []line{{1}}, ""},
		"cut between lines":        {client.LinesType, good, true, []line{{1}, {2}}, "after line 3 of the answer: unexpected EOF"},
		"cut within a line":        {client.LinesType, good + `{"n":3`, true, []line{{1}, {2}}, "after line 3 of the answer: unexpected EOF"},
		"cut where a line could end": {
			client.LinesType, good + `{"n":3}`, true, []line{{1}, {2}}, "after line 3 of the answer: unexpected EOF",
		},
		"a line that is none": {client.LinesType, good + "{]\n" + good, false, []line{{1}, {2}}, "line 4 of the answer: invalid character"},
		"another media type":  {"text/csv", "n\n1\n", false, nil, `status 200, media type "text/csv"`},
	} {
		sender, url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.mediaType)
			fmt.Fprint(w, c.body)
			if c.cut {
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
		})
		lines := client.Lines[line](func() (*http.Response, error) { return sender.Do(newRequest(t, "GET", url, nil)) })
		got, err := collect(lines, 0)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if (err == nil) != (c.text == "") || (err != nil && !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// closer counts.
type closer struct {
	io.Reader

	closed int
}

func (c *closer) Close() error { c.closed++; return nil }

func TestLinesCloseTheAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		n    int
	}{"to the end": {"1\n2\n", 0}, "stopped early": {"1\n2\n", 1}, "broken": {"x\n", 0}, "too long": {strings.Repeat("1", 17<<20), 0}} {
		body := &closer{Reader: strings.NewReader(c.body)}
		_, err := collect(client.Lines[int](func() (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {client.LinesType}}, Body: body}, nil
		}), c.n)
		if failed := name == "broken" || name == "too long"; body.closed != 1 || (err != nil) != failed {
			t.Errorf("%s: closed %d times, %v", name, body.closed, err)
		}
	}
	if _, err := collect(client.Lines[int](func() (*http.Response, error) { return nil, errReset }), 0); !errors.Is(err, errReset) {
		t.Errorf("%v", err)
	}
}
