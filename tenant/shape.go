package tenant

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// shape is what must be known of a statement to encode its arguments and decode
// its rows without asking the server. Types that live in a tenant's schema have
// another OID in every tenant, so a shape does not hold those: their values
// travel as text, described by the built-in type with the same text form. A shape
// is therefore true for all tenants whose schema has the same version, and is
// learned once for all of them.
type shape struct {
	params  []param
	fields  []pgconn.FieldDescription // DataTypeOID is a built-in type's.
	formats []int16                   // Result format of each field.
	local   []bool                    // Field is of a type outside pg_catalog.
}

type param struct {
	oid    uint32 // A built-in type with the same text form.
	parse  uint32 // What Parse is told: zero lets the server infer a local type.
	binary bool   // The value may travel in binary.
}

// firstLocalOID is where PostgreSQL begins to number types that are not its own
// (FirstNormalObjectId in access/transam.h).
const firstLocalOID = 16384

const shapeCacheSize = 8192

type shapeKey struct{ version, sql string }

// shapeCache is shared by all connections of a DB.
type shapeCache struct {
	mu     *sync.Mutex
	shapes *lru[shapeKey, *shape]
}

func newShapeCache() shapeCache {
	return shapeCache{mu: &sync.Mutex{}, shapes: newLRU[shapeKey, *shape](shapeCacheSize, nil)}
}

func (c shapeCache) get(key shapeKey) *shape {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, _ := c.shapes.get(key)
	return s
}

func (c shapeCache) put(key shapeKey, s *shape) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shapes.put(key, s)
}

func (c shapeCache) forget(key shapeKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shapes.remove(key)
}

// shapeOf turns the server's description into a shape; builtin tells which
// built-in type stands for each local one.
func shapeOf(sd *pgconn.StatementDescription, types *pgtype.Map, builtin map[uint32]uint32) *shape {
	s := &shape{
		params:  make([]param, len(sd.ParamOIDs)),
		fields:  make([]pgconn.FieldDescription, len(sd.Fields)),
		formats: make([]int16, len(sd.Fields)),
		local:   make([]bool, len(sd.Fields)),
	}
	for i, oid := range sd.ParamOIDs {
		if oid < firstLocalOID {
			s.params[i] = param{oid: oid, parse: oid, binary: types.FormatCodeForOID(oid) == pgtype.BinaryFormatCode}
		} else {
			s.params[i] = param{oid: builtin[oid]}
		}
	}
	for i, f := range sd.Fields {
		s.local[i] = f.DataTypeOID >= firstLocalOID
		s.formats[i] = pgtype.TextFormatCode
		if s.local[i] {
			f.DataTypeOID = builtin[f.DataTypeOID]
		} else {
			s.formats[i] = resultFormat(types, f.DataTypeOID)
		}
		f.Format = s.formats[i]
		s.fields[i] = f
	}
	return s
}

// resultFormat is the format in which a built-in type is asked for. The binary
// form of numeric would lose trailing zeros in pgx: 149.00 must not become 149.
func resultFormat(types *pgtype.Map, oid uint32) int16 {
	if oid == pgtype.NumericOID || oid == pgtype.NumericArrayOID {
		return pgtype.TextFormatCode
	}
	return types.FormatCodeForOID(oid)
}

// fits tells whether rows of the described statement can be decoded by the shape.
func (s *shape) fits(sd *pgconn.StatementDescription) bool {
	if len(sd.Fields) != len(s.fields) || len(sd.ParamOIDs) != len(s.params) {
		return false
	}
	for i, f := range sd.Fields {
		local := f.DataTypeOID >= firstLocalOID
		if local != s.local[i] || !local && f.DataTypeOID != s.fields[i].DataTypeOID {
			return false
		}
	}
	return true
}

// adapt describes rows that do not fit, in the formats that were asked for. When
// their number differs, the server has refused the formats and nothing ran.
func (s *shape) adapt(actual []pgconn.FieldDescription) ([]pgconn.FieldDescription, error) {
	if len(actual) != len(s.fields) {
		return nil, &staleShapeError{}
	}
	fields := slices.Clone(actual)
	for i := range fields {
		fields[i].Format = s.formats[i]
		if fields[i].DataTypeOID >= firstLocalOID {
			if s.formats[i] == pgtype.BinaryFormatCode {
				return nil, &staleShapeError{ran: true}
			}
			fields[i].DataTypeOID = pgtype.TextOID
			if s.local[i] { // It is one still, and was known to be an array, or a domain.
				fields[i].DataTypeOID = s.fields[i].DataTypeOID
			}
		}
	}
	return fields, nil
}

// parseOIDs is what Parse is told of the parameters' types.
func (s *shape) parseOIDs() []uint32 {
	oids := make([]uint32, len(s.params))
	for i, p := range s.params {
		oids[i] = p.parse
	}
	return oids
}

// encode turns arguments into wire values and their format codes.
func (s *shape) encode(types *pgtype.Map, args []any) ([][]byte, []int16, error) {
	if len(args) > maxParams {
		return nil, nil, errorf(CodeInvalid, "", "%d arguments, of %d that a statement can take", len(args), maxParams)
	}
	if len(args) != len(s.params) {
		return nil, nil, errorf(CodeInvalid, "", "the statement takes %d arguments, not %d", len(s.params), len(args))
	}
	if len(args) == 0 {
		return nil, nil, nil
	}
	values := make([][]byte, len(args))
	formats := make([]int16, len(args))
	for i, arg := range args {
		p := s.params[i]
		if p.binary && !isString(arg) {
			formats[i] = pgtype.BinaryFormatCode
		}
		value, err := types.Encode(p.oid, formats[i], arg, make([]byte, 0, 32))
		if err != nil {
			return nil, nil, unfit(types, p.oid, arg, fmt.Sprintf("argument %d", i+1))
		}
		values[i] = value
	}
	return values, formats, nil
}

// maxParams is what Bind's 16-bit count can say.
const maxParams = 65535

// unfit says that a value can't be encoded. pgx's own words hold the value, which
// is no business of logs.
func unfit(types *pgtype.Map, oid uint32, value any, where string) *Error {
	name := fmt.Sprintf("type %d", oid)
	if t, ok := types.TypeForOID(oid); ok {
		name = t.Name
	}
	return errorf(CodeInvalid, "", "%s: this %T does not fit %s", where, value, name)
}

// isString tells whether the server should read the value as text whatever the
// parameter's type is, as pgx does.
func isString(arg any) bool {
	switch arg.(type) {
	case string, *string:
		return true
	}
	return false
}

// typeLookup asks what the given types are made of. A domain stands for its base
// type, an array for an array of what its element stands for, all else for text.
const typeLookup = `SELECT oid, CASE WHEN typtype = 'd' THEN 'd' WHEN typelem <> 0 AND typlen = -1 THEN 'a' ELSE 't' END,
	CASE WHEN typtype = 'd' THEN typbasetype ELSE typelem END
	FROM pg_catalog.pg_type WHERE oid = ANY($1::pg_catalog.oid[])`

// builtinTypes finds for each local type of a description the built-in type that
// has the same text form.
func (s *session) builtinTypes(ctx context.Context, sd *pgconn.StatementDescription) (map[uint32]uint32, error) {
	type made struct {
		kind string
		of   uint32
	}
	known := map[uint32]made{}
	missing := localTypes(sd)
	for len(missing) > 0 {
		reader := s.pg.ExecParams(ctx, typeLookup, [][]byte{[]byte("{" + strings.Join(missing, ",") + "}")}, nil, nil, nil)
		result := reader.Read()
		if result.Err != nil {
			return nil, result.Err
		}
		missing = nil
		for _, row := range result.Rows {
			oid, of := parseOID(row[0]), parseOID(row[2])
			known[oid] = made{string(row[1]), of}
			if _, ok := known[of]; !ok && string(row[1]) != "t" && of >= firstLocalOID {
				missing = append(missing, string(row[2]))
			}
		}
	}
	var resolve func(oid uint32) uint32
	resolve = func(oid uint32) uint32 {
		if oid < firstLocalOID {
			return oid
		}
		switch m := known[oid]; m.kind {
		case "d":
			return resolve(m.of)
		case "a":
			return s.arrayOf(resolve(m.of))
		}
		return pgtype.TextOID
	}
	builtin := make(map[uint32]uint32, len(known))
	for oid := range known {
		builtin[oid] = resolve(oid)
	}
	return builtin, nil
}

func (s *session) arrayOf(element uint32) uint32 {
	if t, ok := s.types.TypeForOID(element); ok {
		if a, ok := s.types.TypeForName("_" + t.Name); ok {
			return a.OID
		}
	}
	return pgtype.TextArrayOID
}

func localTypes(sd *pgconn.StatementDescription) []string {
	var oids []string
	for _, oid := range sd.ParamOIDs {
		if oid >= firstLocalOID {
			oids = append(oids, strconv.FormatUint(uint64(oid), 10))
		}
	}
	for _, f := range sd.Fields {
		if f.DataTypeOID >= firstLocalOID {
			oids = append(oids, strconv.FormatUint(uint64(f.DataTypeOID), 10))
		}
	}
	return oids
}

func parseOID(text []byte) uint32 {
	oid, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(oid)
}
