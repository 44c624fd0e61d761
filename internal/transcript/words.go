package transcript

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// How text becomes words that can be found. It is done here and not by the
// databases, so that both find the same: neither knows how to fold what the other
// folds, and neither finds words in a script that has no spaces.
//
// A word is a run of letters, marks and digits, without case, accents and widths.
// What is written without spaces becomes pairs of characters, and the last
// character alone: 会議室 is 会議, 議室, 室. Any part of it is then a sequence of
// words, or the beginning of one. No word is reduced to its stem: who wants to
// find "meetings" by "meeting" asks for "meeting*".

// The longest word, in characters, and the most words of an utterance, that are
// kept; the rest is not found. PostgreSQL bounds what it indexes.
const (
	longestWord = 40
	mostWords   = 5000
)

// token is a folded word and where it stands in the text, in bytes.
type token struct {
	text     string
	from, to int
	// dense is a word of a script without spaces, last one of a single character.
	// first is where the first character ends.
	dense, last bool
	first       int
}

// wordsOf returns the words of a text in order.
func wordsOf(text string) (out []token) {
	for i := 0; i < len(text) && len(out) < mostWords; {
		r, n := utf8.DecodeRuneInString(text[i:])
		if !wordly(r) {
			i += n
			continue
		}
		end, dense := i, unspaced(r)
		for end < len(text) {
			r, n := utf8.DecodeRuneInString(text[end:])
			if !wordly(r) || !unicode.IsMark(r) && unspaced(r) != dense {
				break
			}
			end += n
		}
		if dense {
			out = append(out, pairs(text, i, end)...)
		} else if w := fold(text[i:end]); w != "" {
			out = append(out, token{text: w, from: i, to: end})
		}
		i = end
	}
	return out[:min(len(out), mostWords)]
}

// pairs cuts a run of characters into words of two, the last of one.
func pairs(text string, from, to int) (out []token) {
	type char struct {
		text     string
		from, to int
	}
	var chars []char
	for i := from; i < to; {
		_, n := utf8.DecodeRuneInString(text[i:])
		// A mark belongs to what stands before it.
		for i+n < to {
			r, more := utf8.DecodeRuneInString(text[i+n:])
			if !unicode.IsMark(r) && !voiced(r) {
				break
			}
			n += more
		}
		if c := fold(text[i : i+n]); c != "" {
			chars = append(chars, char{c, i, i + n})
		}
		i += n
	}
	for i, c := range chars {
		w := token{text: c.text, from: c.from, to: c.to, dense: true, last: i == len(chars)-1, first: c.to}
		if !w.last {
			w.text, w.to = w.text+chars[i+1].text, chars[i+1].to
		}
		out = append(out, w)
	}
	return out
}

// wordly is a character of a word.
func wordly(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) }

// unspaced is a character of a script whose words are written without spaces, or
// with endings that stick to them, as in Korean.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) ||
		r == 'ー' || r == 'ｰ' || voiced(r)
}

// voiced are the marks of kana, which change what a character says. Those of half
// width are no marks to Unicode.
func voiced(r rune) bool { return r == 0x3099 || r == 0x309a || r == 'ﾞ' || r == 'ﾟ' }

// untied are letters that Unicode does not take apart.
var untied = strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ħ", "h", "ı", "i", "æ", "ae", "œ", "oe", "ð", "d", "þ", "th")

var foldCase = cases.Fold()

// fold brings words together that people take for the same.
func fold(text string) string {
	if ascii(text) {
		return cut(strings.ToLower(text))
	}
	folded, _, err := transform.String(transform.Chain(norm.NFKD, runes.Remove(runes.Predicate(accent)), norm.NFKC), foldCase.String(text))
	if err != nil {
		return "" // only of a transformer that is broken
	}
	// Signs such as ½ are more than letters when they are taken apart.
	folded = strings.Map(func(r rune) rune {
		if !wordly(r) {
			return -1
		}
		return r
	}, folded)
	return cut(untied.Replace(folded))
}

// accent is a mark that may be left out: those that belong to no script, and the
// vowels of Arabic and Hebrew. The vowels of other scripts are part of a word.
func accent(r rune) bool {
	return unicode.Is(unicode.Mn, r) && unicode.In(r, unicode.Inherited, unicode.Hebrew) && !voiced(r)
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func cut(text string) string {
	if len(text) <= longestWord {
		return text
	}
	if r := []rune(text); len(r) > longestWord {
		return string(r[:longestWord])
	}
	return text
}
