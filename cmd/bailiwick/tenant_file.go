//go:build cgo

package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// tenantRow is one tenant of a file.
type tenantRow struct {
	// ID and Slug name the tenant; of a new one there is no ID.
	ID, Slug string
	// Name, Plan, Email and Key are of a new one, and Plan is of set-plan too.
	Name, Plan, Email, Key string

	line int
}

// The columns of a file that are called so elsewhere too.
const (
	columnName  = "name"
	columnPlan  = "plan"
	columnEmail = "email"
	columnKey   = "key"
)

// tenantColumns are the columns of a file, and the keys of its objects.
var tenantColumns = []string{"id", "slug", columnName, columnPlan, columnEmail, columnKey}

func (r *tenantRow) set(column, value string) {
	for i, field := range []*string{&r.ID, &r.Slug, &r.Name, &r.Plan, &r.Email, &r.Key} {
		if tenantColumns[i] == column {
			*field = strings.TrimSpace(value)
		}
	}
}

// readTenantFile reads tenants from a file of CSV with a line of names, or of one
// JSON object a line, which begins with a brace. "-" is the standard input. All
// that is wrong with it is said at once.
func readTenantFile(cmd *cobra.Command, name string) (rows []tenantRow, err error) {
	in := cmd.InOrStdin()
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read tenants: %w", err)
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	b := bufio.NewReader(in)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = b.Discard(len(mark)) // spreadsheets write it
	}
	first, err := b.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		err = errors.New("it is empty\n\tmend: write a line of column names, such as slug,name,plan,email, and a line for each tenant")
	case err == nil && first[0] == '{':
		rows, err = readTenantLines(b)
	case err == nil:
		rows, err = readTenantCSV(b)
	}
	if err == nil {
		err = checkRows(rows)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows, nil
}

func readTenantCSV(in io.Reader) (rows []tenantRow, err error) {
	r := csv.NewReader(in)
	header, err := r.Read()
	if err != nil {
		return nil, err
	}
	for i, column := range header {
		header[i] = strings.ToLower(strings.TrimSpace(column))
		if !slices.Contains(tenantColumns, header[i]) {
			return nil, fmt.Errorf("line 1: there is no column %q\n\tmend: the columns are %s", column, strings.Join(tenantColumns, ", "))
		}
		if slices.Contains(header[:i], header[i]) {
			return nil, fmt.Errorf("line 1: the column %s is there twice\n\tmend: leave one of them out", header[i])
		}
	}
	if !slices.Contains(header, "slug") && !slices.Contains(header, "id") {
		return nil, errors.New("line 1: there is no column slug\n\tmend: name the columns in the first line, such as slug,name,plan,email")
	}
	for {
		values, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		row := tenantRow{}
		row.line, _ = r.FieldPos(0)
		for i, value := range values {
			row.set(header[i], value)
		}
		rows = append(rows, row)
	}
}

func readTenantLines(in io.Reader) (rows []tenantRow, err error) {
	s := bufio.NewScanner(in)
	for line := 1; s.Scan(); line++ {
		text := bytes.TrimSpace(s.Bytes())
		if len(text) == 0 {
			continue
		}
		object, err := readObject(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w\n\tmend: write one object of strings a line, such as {\"slug\": \"acme\", \"plan\": \"free\"}", line, err)
		}
		row := tenantRow{line: line}
		for key, value := range object {
			if !slices.Contains(tenantColumns, key) {
				return nil, fmt.Errorf("line %d: there is no key %q\n\tmend: the keys are %s", line, key, strings.Join(tenantColumns, ", "))
			}
			row.set(key, value)
		}
		rows = append(rows, row)
	}
	return rows, s.Err()
}

// readObject reads an object of strings. Of two values of one key, which package
// json would take the last of, none is taken.
func readObject(text []byte) (object map[string]string, err error) {
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	_, err = d.Token()
	for seen := map[json.Token]bool{}; err == nil && d.More(); {
		key, _ := d.Token()
		if seen[key] {
			return nil, fmt.Errorf("the key %q is there twice", key)
		}
		seen[key] = true
		_, err = d.Token()
	}
	return object, err
}

// checkRows refuses tenants without a name, ids that are none, and tenants that
// stand there twice.
func checkRows(rows []tenantRow) error {
	var wrong []error
	seen := map[string]int{}
	for i := range rows {
		r := &rows[i]
		if r.ID != "" {
			id, err := tenant.ParseID(r.ID)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("line %d: %q is no id of a tenant", r.line, r.ID))
				continue
			}
			r.ID = id.String() // as it is compared
		}
		if r.ID+r.Slug == "" {
			wrong = append(wrong, fmt.Errorf("line %d: it names no tenant", r.line))
		}
		for kind, name := range map[string]string{"id ": r.ID, "slug ": r.Slug} {
			before := seen[kind+name]
			if name != "" && before > 0 {
				wrong = append(wrong, fmt.Errorf("line %d: %s is in line %d already", r.line, name, before))
			}
			seen[kind+name] = r.line
		}
	}
	if len(rows) == 0 {
		wrong = append(wrong, errors.New("it names no tenant"))
	}
	return errors.Join(wrong...)
}
