package fingerprint

import (
	"embed"
	"regexp"
)

// form is what fingerprints of this algorithm begin with. A change of what is
// read, or how, needs another one.
const form = "f1-"

//go:embed sql/*.sql
var files embed.FS

var (
	survey = file("survey.sql")
	// objects ends in the table own (ns, kind, name, def).
	objects = expand(file("base.sql") + file("tables.sql") + "\nUNION ALL\n" + file("code.sql") +
		"\nUNION ALL\n" + file("rare.sql") + file("attached.sql"))
	states     = objects + file("states.sql")
	objectRows = objects + `SELECT own.kind, own.name, own.def, coalesce(p.position, 0)
FROM own LEFT JOIN (SELECT 'column' AS kind, relnamespace AS ns, name, rank() OVER (PARTITION BY attrelid ORDER BY attnum) AS position
	FROM att WHERE relkind IN ('r', 'p', 'f')) AS p USING (kind, ns, name)
ORDER BY own.kind COLLATE "C", own.name COLLATE "C"`
)

func file(name string) string {
	text, err := files.ReadFile("sql/" + name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return string(text)
}

// The expressions that the files have in common, as macros.
var (
	// options are storage parameters in an order of their own.
	options = regexp.MustCompile(`OPTIONS\(([a-z_.]+)\)`)
	// role names the role with a number as all schemas of a fleet name it. It
	// needs the table ns.
	role = regexp.MustCompile(`ROLE\(([a-z_.]+)\)`)
	// own takes the schema's own name out of a text. The name of a tenant's
	// schema is nothing that anybody would write otherwise; another name counts
	// only in front of a dot and behind what can't be part of a name. What is
	// in public says so.
	own = regexp.MustCompile(`OWN\(([a-z_.]+)\)`)
)

func expand(sql string) string {
	sql = role.ReplaceAllString(sql, `CASE WHEN $1 = 0 THEN 'PUBLIC' WHEN $1 = ns.tenant THEN '$$tenant'`+
		` WHEN $1 IN (ns.owner, ns.stand_in) THEN '$$owner' WHEN $1 = ns.runtime THEN '$$runtime'`+
		` ELSE quote_ident(pg_get_userbyid($1)) END`)
	sql = options.ReplaceAllString(sql, `CASE WHEN $1 IS NOT NULL THEN (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest($1) AS o) END`)
	return own.ReplaceAllString(sql, `CASE WHEN strpos($1, ns.nspname) = 0 THEN $1`+
		` WHEN ns.plain THEN replace(replace($1, ns.prefix, ''), ns.nspname, '$$tenant')`+
		` WHEN ns.nspname = 'public' THEN $1`+
		` ELSE regexp_replace($1, '(^|[^[:alnum:]_$$".])' || regexp_replace(ns.prefix, '([^[:alnum:]_ "])', '\\\1', 'g'), '\1', 'g') END`)
}
