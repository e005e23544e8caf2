package resttest

import (
	"encoding/base64"
	"fmt"
	"regexp/syntax"
	"strings"
	"time"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
)

// runes are characters that programs treat in different ways: of each plane,
// combining, invisible, from right to left, and ones that quote or end things.
var runes = []rune("aZ09 _-.,:;%$&=+#?*~^|\\/<>(){}[]'\"`@!\n\t\r\x00\x01\x1f\x7f\u0080\u0085\u00a0ßıİſǅéё\u0301\u0489中あ한\u200b\u200d\u200e\u202e\u2028\u2066\ufeff\ufffd\ufffe\uffff𝔸😀👩🏽🇪🇸\U000e0001\U0010ffff")

// words are texts that mean something to somebody.
var words = []string{
	"null", "true", "NaN", "-1", "0", "1e9", "undefined", "../../etc/passwd", "' OR 1=1 --", "$1", "%s%n", "{{1}}",
	"\\u0000", "<script>", "pg_catalog", "public.tenants", "*", "%", "_", "\\", "''", "\"", "\u202eabc", "e\u0301\u0301\u0301",
	"👨‍👩‍👧‍👦", "\x00", "  ", " x ", "\ufeff", "ſ", "İ", "C:\\con", "2024-02-30", "a\nb", "a\r\nSet-Cookie: x",
}

// text makes a string by its format, its pattern, or its bounds alone.
func (g *generator) text(s *openapi3.Schema) any {
	for range tries {
		var text string
		switch format := texts[s.Format]; {
		case s.Pattern != "" && (format == nil || g.oneIn(2)):
			text = g.matching(s)
		case format != nil:
			text = format(g)
		default:
			text = g.bounded(s)
		}
		if allows(s, text) {
			return text
		}
	}
	return ""
}

// texts make what a format allows.
var texts = map[string]func(*generator) string{
	"uuid":       (*generator).uuid,
	"date":       func(g *generator) string { return g.time().Format(time.DateOnly) },
	"date-time":  (*generator).dateTime,
	"time-local": (*generator).timeLocal,
	"duration":   (*generator).duration,
	"decimal":    (*generator).decimal,
	"byte":       func(g *generator) string { return base64.StdEncoding.EncodeToString([]byte(g.word(0, 40))) },
	"email":      func(g *generator) string { return g.letters(1, 12) + "@" + g.letters(1, 12) + ".example" },
	"uri":        func(g *generator) string { return "https://" + g.letters(1, 12) + ".example/" + g.letters(0, 12) },
}

// bounded is any string of the length that the schema wants.
func (g *generator) bounded(s *openapi3.Schema) string {
	least, most := s.MinLength, s.MinLength+manyRunes
	if s.MaxLength != nil {
		most = min(*s.MaxLength, most)
	}
	if s.MaxLength == nil && !g.oneIn(20) {
		most = least + 40
	}
	n := int(g.size(least, most)) //nolint:gosec // At most manyRunes more than the document asks for.
	switch {
	case g.oneIn(6):
		return g.word(n, n)
	case g.oneIn(12):
		return strings.Repeat(string(pick(g, runes)), n)
	}
	return g.letters(n, n)
}

// word is a string of odd characters, or one that means something.
func (g *generator) word(least, most int) string {
	if least < most && g.oneIn(3) {
		if w := pick(g, words); len(w) >= least && len(w) <= most {
			return w
		}
	}
	var b strings.Builder
	for range least + g.IntN(most-least+1) {
		b.WriteRune(pick(g, runes))
	}
	return b.String()
}

// letters is a string that nobody minds.
func (g *generator) letters(least, most int) string {
	b := make([]byte, least+g.IntN(most-least+1))
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[g.IntN(36)]
	}
	return string(b)
}

func (g *generator) uuid() string {
	switch g.IntN(12) {
	case 0:
		return "00000000-0000-0000-0000-000000000000"
	case 1:
		return "ffffffff-ffff-ffff-ffff-ffffffffffff"
	case 2:
		return "FFFFFFFF-0123-4ABC-8DEF-0123456789AB"
	}
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", g.Uint32(), g.IntN(1<<16), g.IntN(1<<12), g.IntN(1<<12), g.Int64N(1<<48))
}

// time is now, some time, or the ends of it.
func (g *generator) time() time.Time {
	switch g.IntN(8) {
	case 0:
		return time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case 1:
		return time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	case 2:
		return time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	case 3, 4: // Around the days when tests run.
		return time.Unix(1_750_000_000+g.Int64N(100_000_000), 0).UTC()
	}
	return time.Unix(-62_135_596_800+g.Int64N(315_000_000_000), g.Int64N(1e9)).UTC()
}

func (g *generator) dateTime() string {
	at := g.time()
	zone := pick(g, []string{"Z", "Z", "Z", "+00:00", "-00:00", "+14:00", "-12:00", "+05:30", "+23:59"})
	return at.Format("2006-01-02T15:04:05") + pick(g, []string{"", "", ".5", ".000001", ".999999999", ".1234567890123"}) + zone
}

func (g *generator) timeLocal() string {
	return fmt.Sprintf("%02d:%02d:%02d", g.IntN(24), g.IntN(60), g.IntN(60)) + pick(g, []string{"", "", ".5", ".999999", ".9999999999"})
}

func (g *generator) duration() string {
	return pick(g, []string{
		"PT0S", "P1D", "P30D", "PT1H", "PT90M", "P1Y2M3DT4H5M6S", "P1W", "PT0.5S", "P0D", "P100Y", "P9999D", "PT1S",
		"P999999999Y", "P178956970Y", "P99999999999999999999D", "PT9223372036854775807S", "PT0.0000000001S",
	})
}

func (g *generator) decimal() string {
	return pick(g, []string{
		"0", "-0", "1", "-1", "0.5", "99.99", "100", "12.345", "0.000000000000000000001", "+1", ".5", "5.", "1e2", "1E-2", "1e9999", "-1e9999",
		"1e-9999", strings.Repeat("9", 30), "0." + strings.Repeat("3", 40), strings.Repeat("9", 2000), "00012",
	})
}

// matching makes a string of the schema's pattern, long enough for its bounds.
func (g *generator) matching(s *openapi3.Schema) string {
	tree, err := syntax.Parse(s.Pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	g.walk(&b, tree)
	text := b.String()
	missing := int(s.MinLength) - len([]rune(text)) //nolint:gosec // Bounds in documents are small.
	if missing > 0 || !strings.HasPrefix(s.Pattern, "^") && g.oneIn(3) {
		return text + g.letters(max(missing, 0), max(missing, 0)+3)
	}
	return text
}

// walk writes a text that a part of a pattern matches.
func (g *generator) walk(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(g.runeOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune('a' + g.Int32N(26))
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			g.walk(b, sub)
		}
	case syntax.OpAlternate:
		g.walk(b, pick(g, re.Sub))
	case syntax.OpStar:
		g.repeat(b, re.Sub[0], 0, -1)
	case syntax.OpPlus:
		g.repeat(b, re.Sub[0], 1, -1)
	case syntax.OpQuest:
		g.repeat(b, re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		g.repeat(b, re.Sub[0], re.Min, re.Max)
	default: // The rest matches between characters.
	}
}

func (g *generator) repeat(b *strings.Builder, re *syntax.Regexp, least, most int) {
	if most < 0 {
		most = least + 20
	}
	for range g.size(uint64(least), uint64(most)) { //nolint:gosec // Of a pattern that parsed.
		g.walk(b, re)
	}
}

// runeOf is a character of a class, which is written as pairs of bounds.
func (g *generator) runeOf(class []rune) rune {
	for range tries {
		i := g.IntN(len(class)/2) * 2
		low, high := class[i], class[i+1]
		if g.IntN(4) > 0 && high > unicode.MaxASCII && low < 'z' { // Of nearly everything most often a letter.
			low, high = max(low, 'a'), 'z'
		}
		r := low + g.Int32N(high-low+1)
		if r < 0xd800 || r > 0xdfff { // Halves of UTF-16 have no form in UTF-8.
			return r
		}
	}
	return class[0]
}
