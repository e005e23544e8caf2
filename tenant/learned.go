package tenant

import (
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

const (
	// maxLearned bounds the statements that are remembered beyond the required ones.
	maxLearned = 500
	// maxLearnedText bounds the text of each.
	maxLearnedText = 8 << 10
	// shownSQL is how much of a text its name shows.
	shownSQL = 60
)

type learnedKey struct {
	public bool
	sql    string
}

// Learned are statements that were run lately and are not among those required:
// such as handlers put together. They have the types that the server gave.
func (db *DB) Learned() Statements {
	db.mu.Lock()
	defer db.mu.Unlock()
	found := maps.Collect(db.learned.all())
	for _, s := range db.required.Tenant {
		delete(found, learnedKey{false, s.SQL})
	}
	for _, s := range db.required.Public {
		delete(found, learnedKey{true, s.SQL})
	}
	var all Statements
	for key, s := range found {
		if key.public {
			all.Public = append(all.Public, s)
		} else {
			all.Tenant = append(all.Tenant, s)
		}
	}
	bySQL := func(a, b Statement) int { return strings.Compare(a.SQL, b.SQL) }
	slices.SortFunc(all.Tenant, bySQL)
	slices.SortFunc(all.Public, bySQL)
	return all
}

// noteLearned remembers a statement by its shape.
func (db *DB) noteLearned(public bool, sql string, sh *shape, types *pgtype.Map) {
	if len(sql) > maxLearnedText {
		return
	}
	text := []rune(strings.Join(strings.Fields(sql), " "))
	s := Statement{Name: "built by a handler: " + string(text[:min(len(text), shownSQL)]), SQL: sql}
	for _, p := range sh.params {
		oid := p.oid
		if p.parse == 0 {
			oid = 0 // A local type, for which another one stands.
		}
		s.Params = append(s.Params, typeName(types, oid))
	}
	for i, f := range sh.fields {
		oid := f.DataTypeOID
		if sh.local[i] {
			oid = 0
		}
		s.Columns = append(s.Columns, typeName(types, oid))
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.learned.put(learnedKey{public, sql}, s)
}

// typeName is a built-in type's as a [Statement] has it; empty for others.
func typeName(types *pgtype.Map, oid uint32) string {
	t, ok := types.TypeForOID(oid)
	if !ok {
		return ""
	}
	if element, array := strings.CutPrefix(t.Name, "_"); array {
		return element + "[]"
	}
	return t.Name
}
