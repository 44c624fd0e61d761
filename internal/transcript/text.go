package transcript

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// joined reports whether two words are written without a space between: those
// of scripts that do not use spaces.
func joined(a, b string) bool {
	last, _ := utf8.DecodeLastRuneInString(a)
	first, _ := utf8.DecodeRuneInString(b)
	return dense(last) && dense(first)
}

// dense is a character of a script without spaces, or of its punctuation.
func dense(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) ||
		r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xff60
}

// ends reports whether a word ends a sentence.
func ends(word string) bool {
	word = strings.TrimRightFunc(word, func(r rune) bool { return unicode.In(r, unicode.Pf, unicode.Pe) || r == '"' || r == '\'' })
	last, _ := utf8.DecodeLastRuneInString(word)
	return strings.ContainsRune(".!?…。！？।؟", last)
}
