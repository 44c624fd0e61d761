package openai

import "strings"

// languages are the names that Whisper has for languages, with their codes.
var languages = pairs(`afrikaans af albanian sq amharic am arabic ar armenian hy assamese as azerbaijani az bashkir ba basque eu
belarusian be bengali bn bosnian bs breton br bulgarian bg burmese my myanmar my cantonese yue castilian es catalan ca chinese zh
mandarin zh croatian hr czech cs danish da dutch nl flemish nl english en estonian et faroese fo finnish fi french fr galician gl
georgian ka german de greek el gujarati gu haitian ht hausa ha hawaiian haw hebrew he hindi hi hungarian hu icelandic is
indonesian id italian it japanese ja javanese jw kannada kn kazakh kk khmer km korean ko lao lo latin la latvian lv lingala ln
lithuanian lt luxembourgish lb macedonian mk malagasy mg malay ms malayalam ml maltese mt maori mi marathi mr moldavian ro
moldovan ro mongolian mn nepali ne norwegian no nynorsk nn occitan oc pashto ps pushto ps persian fa polish pl portuguese pt
punjabi pa panjabi pa romanian ro russian ru sanskrit sa serbian sr shona sn sindhi sd sinhala si sinhalese si slovak sk
slovenian sl somali so spanish es sundanese su swahili sw swedish sv tagalog tl tajik tg tamil ta tatar tt telugu te thai th
tibetan bo turkish tr turkmen tk ukrainian uk urdu ur uzbek uz valencian ca vietnamese vi welsh cy yiddish yi yoruba yo`)

func pairs(text string) map[string]string {
	m := map[string]string{}
	f := strings.Fields(text)
	for i := 0; i+1 < len(f); i += 2 {
		m[f[i]] = f[i+1]
	}
	return m
}

// code is the code of a language that a server may name in words.
func code(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if first, _, _ := strings.Cut(name, " "); languages[first] != "" { // "haitian creole"
		return languages[first]
	}
	if len(name) > 5 {
		return "" // no code, and no name that is known
	}
	return name
}
